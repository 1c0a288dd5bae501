"""Events of a run: a hook plugin in the project's settings, and a watch on each task.

Both live in the memory of this process only. Processes that the ParallelRunner forks have them too; where it starts
processes in another way, it says nothing of nodes and datasets, and a log line tells so.
"""

import functools
import time

from kedro.framework.hooks import hook_impl

from _kedge import errors, logs


class Watch:
    """The plugin. One run at a time uses it, possibly from several threads and forked processes."""

    def __init__(self, channel):
        self._channel = channel
        self.begin(None)

    def begin(self, run):
        self.run = run
        self.catalog = self.pipeline = None
        self.stage = "context"  # how far the run is
        self.failures = []  # (exception, node name), of this process
        self._since = {}

    def tell(self, kind, **fields):
        if self.run is not None:
            told = {"type": "event", "kind": kind, "run_id": self.run.request["run_id"], "time": time.time()}
            self._channel.send({**told, **fields})

    @hook_impl(tryfirst=True)
    def after_catalog_created(self, catalog, conf_creds):
        if self.run is None:
            return
        self.stage = "catalog"
        self.catalog = catalog
        self.run.add_inputs(catalog)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline, catalog):
        if self.run is None:
            return
        self.stage = "runner"
        self.catalog, self.pipeline = catalog, pipeline
        self.run.check(pipeline, catalog)
        self.tell("run_started", nodes=[node.name for node in pipeline.nodes])

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self):
        self.stage = "failed"

    @hook_impl(tryfirst=True)
    def before_dataset_loaded(self, dataset_name):
        self._since["load", dataset_name] = time.perf_counter()

    @hook_impl(tryfirst=True)
    def after_dataset_loaded(self, dataset_name, node):
        self._dataset("dataset_loaded", "load", dataset_name, node)

    @hook_impl(tryfirst=True)
    def before_dataset_saved(self, dataset_name):
        self._since["save", dataset_name] = time.perf_counter()

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name, node):
        self._dataset("dataset_saved", "save", dataset_name, node)

    def _dataset(self, kind, operation, name, node):
        """Tells of datasets that are stored somewhere; memory and parameters tell a watcher nothing."""
        since = self._since.pop((operation, name), None)
        dataset = stored(self.catalog, name)
        if self.run is None or dataset is None:
            return
        took = 0 if since is None else time.perf_counter() - since
        self.tell(kind, dataset=name, node=node.name, version=version(dataset, operation), took=took)

    def node_of(self, exc):
        return next((name for failure, name in self.failures if failure is exc), None)


def stored(catalog, name):
    """The dataset of this name when it keeps its data outside of memory, else None."""
    if catalog is None or name == "parameters" or name.startswith("params:"):
        return None
    try:
        dataset = catalog.get(name)
    except Exception:
        return None
    if dataset is None or getattr(dataset, "_EPHEMERAL", False) and type(dataset).__name__ != "CachedDataset":
        return None
    return dataset


def version(dataset, operation):
    """The version that was loaded or saved; None for datasets without versions."""
    dataset = getattr(dataset, "_dataset", dataset)  # of a CachedDataset
    if getattr(dataset, "_version", None) is None:
        return None
    try:
        return getattr(dataset, f"resolve_{operation}_version")()
    except Exception:
        return None


def watch_tasks(watch):
    """Tells when nodes start, finish and fail. Hooks can't: a node whose input can't be loaded has none."""
    from kedro.runner.task import Task

    original = Task.execute

    @functools.wraps(original)
    def execute(task):
        name, outer, start = task.node.name, logs.node(), time.perf_counter()
        logs.current.node = name
        watch.tell("node_started", node=name)
        try:
            done = original(task)
        except BaseException as exc:
            watch.failures.append((exc, name))
            watch.tell("node_failed", node=name, took=time.perf_counter() - start, failure=errors.describe(exc))
            raise
        finally:
            logs.current.node = outer
        watch.tell("node_finished", node=name, took=time.perf_counter() - start)
        return done

    Task.execute = execute
