"""Records the warnings about interrupted namespaces that Kedro 1.7 gives for random pipelines.

    python record_interruptions.py > interruptions.json

Only pipelines whose warnings are the same under several values of PYTHONHASHSEED are kept: Kedro takes the
first node that interrupted a namespace out of a set.
"""

import json
import os
import random
import subprocess
import sys
import warnings


def pipelines():
    rng = random.Random("interruptions")
    names = ["", "", "a", "a.b", "a.b.c", "ab", "b", "b.c"]
    for _ in range(400):
        width = rng.choice([1, 1, 2, 3])
        nodes = []
        for i in range(rng.randint(3, 12)):
            reads = sorted({rng.randrange(max(0, i - 4), i) for _ in range(rng.randint(1, width))}) if i else []
            nodes.append({"name": f"n{i}", "namespace": rng.choice(names), "inputs": [f"d{k}" for k in reads], "outputs": [f"d{i}"]})
        yield nodes


def answer(nodes):
    from kedro.pipeline import Pipeline, node

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Pipeline([node(lambda *a: 1, n["inputs"], n["outputs"], name=n["name"], namespace=n["namespace"] or None) for n in nodes])
    return sorted(str(w.message) for w in caught)


if len(sys.argv) > 1:
    print(json.dumps([answer(nodes) for nodes in pipelines()]))
else:
    runs = []
    for seed in ("0", "1", "2", "3", "4"):
        env = dict(os.environ, PYTHONHASHSEED=seed)
        runs.append(json.loads(subprocess.run([sys.executable, sys.argv[0], "worker"], env=env, check=True, capture_output=True, text=True).stdout))
    cases = [{"nodes": nodes, "warnings": answers[0]} for nodes, *answers in zip(pipelines(), *runs) if all(a == answers[0] for a in answers)]
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
