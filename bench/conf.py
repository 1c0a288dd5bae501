"""Loads catalog and parameters of a conf folder some times with Kedro; prints the best time and what was loaded."""
import json
import sys
import time

from kedro.config import OmegaConfigLoader

folder, rounds = sys.argv[1], int(sys.argv[2])
best = float("inf")
for _ in range(rounds):
    begin = time.perf_counter()
    loader = OmegaConfigLoader(folder, base_env="base", default_run_env="local")
    loaded = {key: loader[key] for key in ("catalog", "parameters")}
    best = min(best, time.perf_counter() - begin)
print(json.dumps({"seconds": best, "loaded": loaded}))
