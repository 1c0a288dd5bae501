"""Makes runs in one bare service session of Kedro; prints the seconds that each took."""
import json
import sys
import time
from pathlib import Path

from kedro.framework.session import KedroServiceSession
from kedro.framework.startup import bootstrap_project

project, runs, report = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
bootstrap_project(project)
with KedroServiceSession.create(project_path=project, serving_mode=True) as session:
    times = []
    for i in range(runs + 10):
        begin = time.perf_counter()
        session.run(runtime_params={"rid": f"bare{i}"})
        times.append(time.perf_counter() - begin)
Path(report).write_text(json.dumps(times[10:]))
