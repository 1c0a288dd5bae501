"""The pipelines that the suite of sessions asks for."""

import logging
import os
import subprocess
import sys
import time

import pandas as pd
from kedro.pipeline import Node, Pipeline

from suite import rude

log = logging.getLogger(__name__)


def increment(a):
    return a + 1


def add(a, b):
    return a + b


def fail(_):
    raise ValueError("boom")


def same(value):
    return value


def wait(a):
    while True:
        time.sleep(0.05)


def stubborn(pid_file):
    """Ignores KeyboardInterrupt, and leaves a program behind."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(pid_file, "w", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {program.pid}\n")
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            continue


def speak(a):
    log.info("half way")
    return a


def chatter(a):
    print("printed")
    os.write(1, b"raw\n")
    subprocess.run([sys.executable, "-c", "print('program')"], check=True)
    print("unfinished", end="")
    logging.getLogger("other").warning("careful: %s", a)
    return a


def die(code):
    if code == "signal":
        os.kill(os.getpid(), 9)
    if code == "exit":
        sys.exit(3)
    os._exit(7)


class ServiceDown(Exception):
    retryable = True


def flaky(how):
    """Fails in a way that says what another attempt is good for."""
    if how == "later":
        raise ServiceDown("try again")
    if how == "caused":
        raise ValueError("no answer") from ServiceDown("try again")
    error = ValueError(how)
    if how == "never":
        error.retryable = False
    raise error


def frame(rows):
    return pd.DataFrame({"n": range(rows), "name": [f"row {i}" for i in range(rows)]})


def results(a):
    return a, {"list": [1, 2.0, None, "x"]}, float("nan"), {1, 2}, "y" * 300_000


def total(rows: pd.DataFrame):
    return {"type": type(rows).__name__, "n": int(rows["n"].sum())}


def secret(a):
    log.info("the password is hunter22-is-secret")
    raise RuntimeError("login with hunter22-is-secret failed")


def pids(a):
    return os.getpid()


def where(a):
    print("here")
    log.info("and there")
    subprocess.run([sys.executable, "-c", "print('program')"], check=True)
    return os.getcwd()


def register_pipelines():
    params = "params:a"
    pipelines = {
        "add": Pipeline([Node(add, ["params:a", "params:b"], "sum", name="add")]),
        "chain": Pipeline(
            [
                Node(increment, params, "one", name="first"),
                Node(increment, "one", "two", name="second", tags="middle"),
                Node(increment, "two", "three", name="third"),
            ]
        ),
        "fail": Pipeline([Node(increment, params, "one", name="first"), Node(fail, "one", "never", name="bad")]),
        "stored": Pipeline([Node(same, "params:rid", "stored", name="store")]),
        "wait": Pipeline([Node(wait, params, "waited", name="waiter")]),
        "log": Pipeline([Node(speak, params, "logged", name="logger")]),
    }
    if os.environ.get("SUITE_MORE"):
        pipelines |= {
            "stubborn": Pipeline([Node(stubborn, "params:rid", None, name="stubborn")]),
            "chatter": Pipeline([Node(chatter, params, "said", name="chatter")]),
            "die": Pipeline([Node(die, "params:rid", "dead", name="die")]),
            "flaky": Pipeline([Node(flaky, "params:rid", "never", name="flaky")]),
            "frame": Pipeline([Node(frame, params, "table", name="frame")]),
            "results": Pipeline([Node(results, params, ["number", "nested", "nan", "set", "long"], name="results")]),
            "total": Pipeline([Node(total, "rows", "total", name="total")]),
            "secret": Pipeline([Node(secret, params, "leak", name="secret")]),
            "pids": Pipeline([Node(pids, params, "pid", name="pids")]),
            "spoil": Pipeline([Node(rude.spoil, "params:rid", "spoiled", name="spoil")]),
            "hang_up": Pipeline([Node(rude.hang_up, params, "never", name="caller")]),
            "daemon": Pipeline([Node(rude.daemon, "params:rid", None, name="daemon")]),
            "indexed": Pipeline([Node(rude.indexed, params, ["sums", "named", "odd"], name="indexed")]),
            "where": Pipeline([Node(where, params, "folder", name="where")]),
            "broken": Pipeline([Node(same, "absent_file", "got", name="reader")]),
        }
    return {"__default__": pipelines["add"], **pipelines}
