"""One run: Kedro's own session does it; what it left is told to the worker."""

import multiprocessing
import os
import time

from _kedge import encode, errors, hooks


class Run:
    def __init__(self, project, channel, request):
        self.project, self.channel, self.request = project, channel, request
        self.watch = project.watch
        self.resume, self.ran = "", None

    def execute(self):
        """Runs the request; returns the message that ends it."""
        request, start = self.request, time.perf_counter()
        self.watch.begin(self)
        try:
            runner = self.project.runner(request.get("runner"), request.get("runner_params"))
            self._prepare(runner)
            with self._context():
                outputs = self.project.session.run(runner=runner, **self._arguments())
            return self._result(outputs, time.perf_counter() - start)
        except errors.Refusal as exc:
            return {"type": "error", **exc.told()}
        except BaseException as exc:  # SystemExit, KeyboardInterrupt, asyncio.CancelledError: of the run, not of this process
            return self._failure(exc)
        finally:
            self.watch.begin(None)

    def _arguments(self):
        names = (
            "run_id pipeline_names tags node_names from_nodes to_nodes from_inputs to_outputs load_versions namespaces "
            "only_missing_outputs runtime_params"
        ).split()
        return {name: self.request[name] for name in names if name in self.request}

    def _prepare(self, runner):
        """Looks over the runner's shoulder: what it skips, what it suggests, what it must keep."""
        self._wrap(runner, "_filter_pipeline_for_missing_outputs", self._note_skipped)
        self._wrap(runner, "_suggest_resume_scenario", self._note_resume)
        if self.request.get("outputs"):
            self._wrap(runner, "_release_datasets", self._keep_outputs)
        if self._blind(runner):
            self.channel.send(
                {
                    "type": "log",
                    "logger": "kedge",
                    "level": 30,
                    "message": "ParallelRunner does not fork its processes here: no events of nodes and datasets",
                }
            )

    @staticmethod
    def _wrap(runner, name, note):
        original = getattr(runner, name, None)
        if original is not None:
            setattr(runner, name, lambda *args, **kwargs: note(original, *args, **kwargs))

    def _note_skipped(self, original, pipeline, catalog):
        self.ran = original(pipeline, catalog)
        return self.ran

    def _note_resume(self, original, pipeline, done_nodes, catalog):
        original(pipeline, done_nodes, catalog)
        remaining = set(pipeline.nodes) - set(done_nodes)
        if not done_nodes:
            self.resume = "No nodes ran. Repeat the previous command to attempt a new run."
            return
        from kedro.runner.runner import _find_nodes_to_resume_from

        names = _find_nodes_to_resume_from(pipeline=pipeline, unfinished_nodes=remaining, catalog=catalog)
        self.resume = (
            f"There are {len(remaining)} nodes that have not run.\nYou can resume the pipeline run from the nearest "
            "nodes with persisted inputs by adding the following argument to your previous command:\n"
            f'  --from-nodes "{",".join(sorted(names))}"'
        )

    def _keep_outputs(self, original, node, catalog, load_counts, pipeline):
        kept = set(self.request["outputs"])
        original(node, _Keeper(catalog, kept), load_counts, pipeline)

    def _blind(self, runner):
        if not any(base.__name__ == "ParallelRunner" for base in type(runner).__mro__):
            return False
        method = os.environ.get("KEDRO_MP_CONTEXT")
        if method not in ("fork", "spawn", "forkserver"):
            method = multiprocessing.get_start_method()
        return method != "fork"

    def _context(self):
        return _Contexts(self.project.session, self)

    def change_context(self, context):
        """Sees the credentials that the catalog gets, so that they can be hidden, and sets the save version."""
        credentials, catalog = context._get_config_credentials, context._get_catalog

        def get_credentials():
            found = credentials()
            tell_secrets(self.channel, found)
            return found

        def get_catalog(*args, **kwargs):
            if kwargs.get("save_version"):
                kwargs["save_version"] = self.request.get("save_version") or kwargs["save_version"]
            return catalog(*args, **kwargs)

        context._get_config_credentials, context._get_catalog = get_credentials, get_catalog
        return context

    def add_inputs(self, catalog):
        for name, value in (self.request.get("inputs") or {}).items():
            catalog[name] = encode.as_data(value, encode.catalog_kind(catalog, name))
        for name, file in (self.request.get("input_files") or {}).items():
            catalog[name] = encode.FileInput(file["path"], file["form"], encode.catalog_kind(catalog, name))

    def check(self, pipeline, catalog):
        """Refuses data for datasets that the pipeline doesn't read from outside, and wishes that it can't fulfil."""
        values, files = self.request.get("inputs") or {}, self.request.get("input_files") or {}
        for name in sorted({*values, *files}):
            if name == "parameters" or name.startswith("params:") or name not in pipeline.inputs():
                raise errors.Refusal("dataset", "is no free input of the pipeline", field="inputs", name=name)
            kind = encode.node_kind(pipeline, name)
            if kind is None:
                continue
            if name in values:
                catalog[name] = encode.as_data(values[name], kind)
            else:
                catalog[name] = encode.FileInput(files[name]["path"], files[name]["form"], kind)
        for name in self.request.get("outputs") or ():
            if name not in pipeline.all_outputs():
                raise errors.Refusal("dataset", "is no output of the pipeline", field="outputs", name=name)

    def _result(self, outputs, took):
        ran = self.ran if self.ran is not None else self.watch.pipeline
        catalog = self.watch.catalog
        versions = {}
        for name in sorted(ran.all_outputs()):
            dataset = hooks.stored(catalog, name)
            saved = None if dataset is None else hooks.version(dataset, "save")
            if saved is not None:
                versions[name] = saved
        wanted = set(self.request.get("outputs") or ())
        encoder = encode.Encoder(self.request["folder"], self.request["inline"])
        told = {name: encoder.output(dataset, name in wanted) for name, dataset in outputs.items()}
        for name in sorted(wanted - set(told)):
            told[name] = encoder.output(catalog.get(name), True)
        result = {
            "nodes_run": len(ran.nodes),
            "nodes_skipped": len(self.watch.pipeline.nodes) - len(ran.nodes),
            "versions": versions,
            "outputs": told,
        }
        return {"type": "result", "result": result, "took": took}

    def _failure(self, exc):
        stage, told = self.watch.stage, {"type": "error", "kind": "run", **errors.describe(exc)}
        if stage == "failed" or not isinstance(exc, Exception) and stage == "runner":
            return {**told, "kind": "runner", "node": self.watch.node_of(exc), "resume": self.resume}
        if stage == "context":
            missing = self._missing_pipeline(exc)
            if missing is not None:
                return {**told, "kind": "pipeline_not_found", **missing}
            if in_pipeline(exc):
                return {**told, "kind": "filter"}
        return told

    def _missing_pipeline(self, exc):
        if not isinstance(exc, ValueError) or not str(exc).startswith("Failed to find the pipeline named"):
            return None
        for name in self.request.get("pipeline_names") or ["__default__"]:
            if name not in self.project.pipelines:
                lines = str(exc).partition("Did you mean one of these instead?\n")[2].splitlines()
                return {"name": name, "suggestions": [line.strip() for line in lines]}
        return None


def tell_secrets(channel, credentials):
    if credentials:
        channel.send({"type": "secrets", "values": list(_texts(credentials))})


def _texts(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield value


def in_pipeline(exc):
    """Whether the error comes from adding or slicing pipelines, not from code that these call."""
    trace, last = exc.__traceback__, ""
    while trace is not None:
        last = trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next
    return last.startswith("kedro.pipeline")


class _Keeper:
    """A catalog that doesn't release the datasets whose values the caller wants."""

    def __init__(self, catalog, kept):
        self._catalog, self._kept = catalog, kept

    def release(self, name):
        if name not in self._kept:
            self._catalog.release(name)

    def __getattr__(self, name):
        return getattr(self._catalog, name)


class _Contexts:
    """While entered, contexts that the session loads pass through the run."""

    def __init__(self, session, run):
        self._session, self._run = session, run

    def __enter__(self):
        original = type(self._session).load_context
        self._session.load_context = lambda *args, **kwargs: self._run.change_context(
            original(self._session, *args, **kwargs)
        )

    def __exit__(self, *_):
        del self._session.load_context
