"""Nodes that don't mind what they leave to the next run of their process."""

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time

import pandas as pd
from kedro.io import AbstractDataset
from kedro.runner import SequentialRunner


class Endless(AbstractDataset):
    """A dataset whose description JSON can't hold."""

    def _load(self):
        return 1

    def _save(self, data):
        pass

    def _describe(self):
        return {"timeout": float("inf"), "rate": 0.5}


class Patient(SequentialRunner):
    """A runner of the project's own."""


def spoil(how):
    if how == "folder":
        os.chdir(tempfile.gettempdir())
    elif how == "descriptors":
        os.closerange(3, 21)
    elif how == "outputs":
        os.close(1)
        os.close(2)
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
    elif how == "wrapped":
        io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="utf-8")
    elif how == "closed":
        sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.close()
        sys.stderr.buffer.close()
    elif how == "alarms":
        # Messages of many packets, and a handler that prints between them.
        signal.signal(signal.SIGALRM, lambda *_: logging.getLogger("alarm").warning("ring"))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for _ in range(300):
            print("x" * 30000)
        signal.setitimer(signal.ITIMER_REAL, 0)
    elif how == "logging":
        logging.disable(logging.CRITICAL)
        logging.basicConfig(force=True)
    elif how == "cancelled":
        raise asyncio.CancelledError("by itself")
    elif how == "interrupted":
        raise KeyboardInterrupt
    return how


def hang_up(_):
    print("good bye")
    os.closerange(3, 4096)
    time.sleep(600)


def daemon(pid_file):
    """Leaves a program in a session of its own behind, and waits."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open(pid_file, "w", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {program.pid}\n")
    program.wait()


def indexed(rows):
    """Tables whose index says something, and one whose index does not."""
    numbers = pd.DataFrame({"kind": ["a", "b"] * (rows // 2), "n": range(rows)})
    return (
        numbers.groupby("kind").sum(),
        pd.DataFrame({"n": [1]}, index=["first"]),
        numbers[numbers["n"] % 2 == 1][["n"]],
    )
