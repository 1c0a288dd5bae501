"""What the project logs and prints, told to the worker line by line with the node that did it."""

import io
import logging
import os
import sys
import threading

from _kedge import wire

_LONGEST = 64 << 10

current = threading.local()  # current.node is the name of the node that this thread runs


def node():
    return getattr(current, "node", None)


class Output(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr: each line becomes a message. The file descriptors below stay pipes of the
    worker's, for programs and libraries that write there."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, channel, name, descriptor):
        self._channel, self._name, self._descriptor = channel, name, descriptor
        self._parts = {}
        self.buffer = _Buffer(_Bytes(self))

    @property
    def name(self):
        return f"<{self._name}>"

    def fileno(self):
        return self._descriptor

    def isatty(self):
        return False

    def writable(self):
        return True

    def write(self, text):
        thread = threading.get_ident()
        held, _ = self._parts.pop(thread, ("", None))
        *lines, rest = (held + text).split("\n")
        for line in lines:
            self._tell(line, node())
        if len(rest) > _LONGEST:
            self._tell(rest, node())
        elif rest:
            self._parts[thread] = rest, node()
        return len(text)

    def reconfigure(self, **_):
        """Scripts wish for UTF-8 so, which it always is."""

    def close(self):
        """Only flushes: the next run needs it too."""
        self.flush()

    def finish(self):
        """Tells what was written without an end of line."""
        self.buffer.flush()
        for thread in list(self._parts):
            self._tell(*self._parts.pop(thread))

    def _tell(self, line, name):
        line = line.rstrip("\r").rsplit("\r", 1)[-1]  # of a progress bar only what it shows in the end
        for start in range(0, max(len(line), 1), _LONGEST):
            self._channel.send(
                {"type": "log", "stream": self._name, "message": line[start : start + _LONGEST], "node": name}
            )


class _Buffer(io.BufferedWriter):
    """Stays open: a wrapper that a project puts around it, as io.TextIOWrapper, closes it when it is collected."""

    def close(self):
        self.flush()

    def detach(self):
        raise io.UnsupportedOperation("the standard streams of a run can't be taken apart")


class _Bytes(io.RawIOBase):
    """The binary side of an Output, for code that writes to sys.stdout.buffer."""

    def __init__(self, output):
        self._output = output

    def writable(self):
        return True

    def write(self, data):
        self._output.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


class _NoLock:
    def acquire(self, *_):
        return True

    def release(self):
        pass

    __enter__ = acquire

    def __exit__(self, *_):
        pass


class Handler(logging.Handler):
    """Takes the place of the handlers that write to the console."""

    def __init__(self, channel, level=logging.NOTSET):
        super().__init__(level)
        self._channel = channel
        self.setFormatter(logging.Formatter("%(message)s"))

    def createLock(self):
        """The channel has a lock; a signal handler that logs must not wait for a second one."""
        self.lock = _NoLock()

    def emit(self, record):
        try:
            self._channel.send(
                {
                    "type": "log",
                    "logger": record.name,
                    "level": record.levelno,
                    "message": self.format(record),
                    "node": node(),
                }
            )
        except Exception:
            self.handleError(record)


class Streams:
    """The standard streams of this process, and the raw ones below, which the worker reads too."""

    def __init__(self, channel):
        self._outputs = Output(channel, "stdout", 1), Output(channel, "stderr", 2)
        self._raw = wire.private(1), wire.private(2)

    def take(self):
        """Puts them in their places, whatever a run before has put there or closed."""
        sys.stdout, sys.stderr = self._outputs
        for raw, descriptor in zip(self._raw, (1, 2)):
            os.dup2(raw, descriptor)

    def mark(self, text):
        """Writes a line to the raw streams, which tells the worker how far it has read them."""
        for output in self._outputs:
            output.finish()
        for raw in self._raw:
            os.write(raw, text.encode())


def replace_console_handlers(channel):
    """Puts our handler in the place of every handler that writes to the console, level and filters kept."""
    loggers = [logging.root] + [x for x in logging.root.manager.loggerDict.values() if isinstance(x, logging.Logger)]
    for logger in loggers:
        for old in list(logger.handlers):
            if _is_console(old):
                new = Handler(channel, old.level)
                new.filters = list(old.filters)
                logger.handlers[logger.handlers.index(old)] = new


def _is_console(handler):
    if isinstance(handler, Handler) or isinstance(handler, logging.FileHandler):
        return False
    if any(base.__name__ == "RichHandler" for base in type(handler).__mro__):
        return True
    console = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, logging.StreamHandler) and any(handler.stream is stream for stream in console)
