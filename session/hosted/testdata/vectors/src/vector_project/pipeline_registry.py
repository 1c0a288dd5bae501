"""The pipelines of a conformance vector, whose node functions are those of its generator."""

import json
import os
import sys
from pathlib import Path

from kedro.pipeline import Pipeline

sys.path.insert(0, os.environ["VECTOR_GENERATOR"])
import gen_run  # noqa: E402


def register_pipelines():
    case = json.loads(Path("vector.json").read_text(encoding="utf-8"))
    nodes = [gen_run.make_node(spec) for spec in case["nodes"]]
    return {name: Pipeline([nodes[i] for i in picks]) for name, picks in case["pipelines"]}
