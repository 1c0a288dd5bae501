"""One node that takes long enough to be killed, and tells in which process it is; others with tables of any size."""

import os
import pathlib
import time

import pandas as pd
from kedro.pipeline import Node, Pipeline


def table(rows):
    return pd.DataFrame({"n": range(rows), "name": [f"row {i}" for i in range(rows)]})


def total(given: pd.DataFrame):
    return int(given["n"].sum())


def work(rid):
    running = pathlib.Path("running")
    running.mkdir(exist_ok=True)
    note = running / f"{os.getppid()}-{os.getpid()}"
    note.write_text(rid)
    time.sleep(0.2)
    note.unlink()
    return rid


def register_pipelines():
    return {
        "__default__": Pipeline([Node(work, "params:rid", "kept", name="work")]),
        "table": Pipeline([Node(table, "params:x", "rows", name="table")]),
        "total": Pipeline([Node(total, "given", "sum", name="total")]),
    }
