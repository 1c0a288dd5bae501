"""The loop of a child: one request after the other."""

import resource
import sys

from _kedge import errors, logs, wire


def main(config):
    channel = wire.Channel(3, 4)
    streams = logs.Streams(channel)
    streams.take()
    from _kedge import project as projects

    try:
        project = projects.open_project(channel, config)
    except errors.Refusal as exc:
        streams.mark(config["mark"])
        channel.send({"type": "unready", **exc.told()})
        sys.exit(1)
    streams.mark(config["mark"])
    channel.send({"type": "ready", "protocol": wire.VERSION, **project.ready()})
    serve(project, channel, streams, config["mark"])


def serve(project, channel, streams, mark):
    from _kedge import questions, run

    answers = {
        "run": lambda request: run.Run(project, channel, request).execute(),
        "plan": lambda request: questions.plan(project, channel, request),
        "snapshot": lambda request: questions.snapshot(project, channel, request),
        "load": lambda request: questions.load(project, channel, request),
    }
    while (request := channel.receive()) is not None:
        try:
            streams.take()
            project.restore()
            answer = answers[request["op"]](request)
            streams.mark(mark)
            channel.send({**answer, "memory": memory()})
        except KeyboardInterrupt:
            sys.exit(130)
    project.session.close()


def memory():
    """What this process occupies now, in KiB."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() // 1024
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak
