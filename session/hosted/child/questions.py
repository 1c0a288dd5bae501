"""Answers that run nothing: what a run would do, what the project is, and the value of a stored dataset."""

import dataclasses
import inspect

from _kedge import encode, errors, run


def plan(project, channel, request):
    """What a run would do. The context hooks are called, because they complete the configuration; no others are."""
    try:
        planned = _pipeline(project, request)
        context = _context(project, channel, request)
        catalog = context._get_catalog(save_version="plan", load_versions=request.get("load_versions"))
        for name, value in (request.get("inputs") or {}).items():
            catalog[name] = value
        nodes, skipped = planned.nodes, []
        if request.get("only_missing_outputs"):
            runner = project.runner(None, None)
            nodes = runner._filter_pipeline_for_missing_outputs(planned, catalog).nodes
            left = {node.name for node in nodes}
            skipped = sorted(node.name for node in planned.nodes if node.name not in left)
        found = {
            "pipelines": request.get("pipeline_names") or ["__default__"],
            "nodes": [_node(node) for node in nodes],
            "skipped": skipped,
            "inputs": sorted(planned.inputs()),
            "outputs": sorted(planned.outputs()),
            "missing": sorted(name for name in planned.inputs() if name not in catalog),
        }
        return {"type": "plan", "plan": found}
    except errors.Refusal as exc:
        return {"type": "error", **exc.told()}
    except Exception as exc:
        kind = "filter" if run.in_pipeline(exc) else "run"
        return {"type": "error", "kind": kind, **errors.describe(exc)}


def _node(node):
    return {
        "name": node.name,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "tags": sorted(node.tags),
        "namespace": node.namespace or "",
    }


def _pipeline(project, request):
    from kedro.pipeline import Pipeline
    from kedro.utils import get_close_matches

    planned = Pipeline([])
    for name in request.get("pipeline_names") or ["__default__"]:
        if name not in project.pipelines:
            near = list(get_close_matches(name, project.pipelines.keys()))
            raise errors.Refusal("pipeline_not_found", f"no pipeline {name}", name=name, suggestions=near)
        planned += project.pipelines[name]
    return planned.filter(
        tags=request.get("tags"),
        from_nodes=request.get("from_nodes"),
        to_nodes=request.get("to_nodes"),
        node_names=request.get("node_names"),
        from_inputs=request.get("from_inputs"),
        to_outputs=request.get("to_outputs"),
        node_namespaces=request.get("namespaces"),
    )


def _context(project, channel, request):
    """A context whose catalog calls no hooks."""
    from kedro.framework.hooks.manager import _create_hook_manager

    session, params = project.session, request.get("runtime_params")
    context = project.settings.CONTEXT_CLASS(
        package_name=project.metadata.package_name,
        project_path=project.path,
        config_loader=session._get_config_loader(params),
        env=session.env,
        runtime_params=params,
        hook_manager=_create_hook_manager(),
    )
    session._hook_manager.hook.after_context_created(context=context)
    credentials = context._get_config_credentials

    def get_credentials():
        found = credentials()
        run.tell_secrets(channel, found)
        return found

    context._get_config_credentials = get_credentials
    return context


def snapshot(project, channel, request):
    """What Kedro's own inspection answers."""
    from kedro.inspection import get_project_snapshot

    known = inspect.signature(get_project_snapshot).parameters
    wanted = {
        "project_path": project.path,
        "env": project.env,
        "conf_source": project.conf_source,
        "metadata": project.metadata,
        "runtime_params": request.get("runtime_params"),
    }
    if "metadata" in known:
        del wanted["project_path"]
    try:
        found = get_project_snapshot(**{name: value for name, value in wanted.items() if name in known})
        return {"type": "snapshot", "snapshot": dataclasses.asdict(found)}
    except Exception as exc:
        return {"type": "error", "kind": "run", **errors.describe(exc)}


def load(project, channel, request):
    """Reads a stored dataset as the run that wrote it would."""
    try:
        name, version = request["name"], request.get("version")
        context = _context(project, channel, request)
        catalog = context._get_catalog(load_versions={name: version} if version else None)
        encoder = encode.Encoder(request["folder"], request["inline"])
        return {"type": "loaded", "output": encoder.output(catalog.get(name), True)}
    except Exception as exc:
        return {"type": "error", "kind": "run", **errors.describe(exc)}
