"""One node that takes long enough to be killed, and tells in which process it is."""

import os
import pathlib
import time

from kedro.pipeline import Node, Pipeline


def work(rid):
    running = pathlib.Path("running")
    running.mkdir(exist_ok=True)
    note = running / f"{os.getppid()}-{os.getpid()}"
    note.write_text(rid)
    time.sleep(0.2)
    note.unlink()
    return rid


def register_pipelines():
    return {"__default__": Pipeline([Node(work, "params:rid", "kept", name="work")])}
