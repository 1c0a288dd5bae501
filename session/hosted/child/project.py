"""The Kedro project, opened once, and the session that all runs of this process share."""

import importlib
import inspect
import logging
import os
import re
import sys
from pathlib import Path

from _kedge import errors, logs

_OLDEST = (1, 4)


def open_project(channel, config):
    """Opens the project, or raises errors.Refusal that says which step failed."""
    kedro = _import_kedro()
    try:
        return Project(channel, config, kedro.__version__)
    except errors.Refusal:
        raise
    except BaseException as exc:
        raise errors.Refusal("project", str(exc)) from exc


def _import_kedro():
    try:
        import kedro
    except ModuleNotFoundError as exc:
        if exc.name != "kedro":
            raise errors.Refusal("project", str(exc)) from exc
        raise errors.Refusal("kedro_missing", "this Python has no Kedro") from None
    found = tuple(int(part) for part in re.findall(r"\d+", kedro.__version__)[:2])
    if found < _OLDEST:
        raise errors.Refusal("kedro_too_old", f"this Python has Kedro {kedro.__version__}")
    return kedro


class Project:
    def __init__(self, channel, config, version):
        self.path = Path(config["project"])
        self.version, self._channel = version, channel
        os.chdir(self.path)
        from kedro.framework.startup import bootstrap_project

        self.metadata = bootstrap_project(self.path)
        logs.replace_console_handlers(channel)
        from kedro.framework.project import pipelines, settings

        from _kedge import hooks

        self.settings, self.pipelines = settings, pipelines
        self.env, self.conf_source = config.get("env") or None, config.get("conf_source") or None
        self.watch = hooks.Watch(channel)
        settings.set("HOOKS", (*settings.HOOKS, self.watch))
        hooks.watch_tasks(self.watch)
        self.session = self._create_session(config)
        self._load_pipelines()
        self._warm()
        self._disabled = logging.root.manager.disable
        self.restore()

    def restore(self):
        """Undoes what a run may have left in this process that would mislead or silence the next one."""
        os.chdir(self.path)
        logging.disable(self._disabled)
        logs.replace_console_handlers(self._channel)

    def _create_session(self, config):
        from kedro.framework.session.service_session import KedroServiceSession

        args = {
            "session_id": config["session_id"],
            "project_path": self.path,
            "env": self.env,
            "conf_source": self.conf_source,
        }
        if "serving_mode" in inspect.signature(KedroServiceSession.create).parameters:
            args["serving_mode"] = True
        return KedroServiceSession.create(**args)

    def _load_pipelines(self):
        """Loads all pipelines now, and keeps them: Kedro 1.5 would load again whenever other ones are asked for."""
        if hasattr(self.pipelines, "set_requested"):
            self.pipelines.set_requested(None)
            self.pipelines.set_requested = lambda names: None
        dict(self.pipelines)

    def _warm(self):
        """Does what the first run would wait for: imports, and the hooks that look at a new context."""
        import kedro.runner  # noqa: F401

        for path in sorted(self._conf_folder().glob("**/*catalog*")):
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            for file in files:
                self._import_types(file)
        try:
            context = self.session.load_context()
        except Exception as exc:
            if not _needs_parameters(exc):
                raise
            return
        self._try_catalog(context)

    def _try_catalog(self, context):
        """Makes the catalog once, without hooks. It may be mended while the worker runs, so a failure is a warning."""
        from kedro.framework.hooks.manager import _create_hook_manager

        from _kedge import run

        hooks = context._hook_manager
        try:
            run.tell_secrets(self._channel, context._get_config_credentials())
            context._hook_manager = _create_hook_manager()
            context._get_catalog(save_version="start")
        except Exception as exc:
            if not _needs_parameters(exc):
                logging.getLogger("kedge").warning(
                    "every run fails until the catalog is mended: %s: %s", type(exc).__name__, errors.text(exc)
                )
        finally:
            context._hook_manager = hooks  # a hook may keep the context

    def _conf_folder(self):
        return Path(self.session._conf_source)

    def _import_types(self, file):
        """Imports the dataset classes that a catalog file names; what fails here fails again in the run that needs it."""
        from kedro.io.core import parse_dataset_definition

        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            return
        for name in sorted(set(re.findall(r"""\btype["']?\s*:\s*["']?([A-Za-z_][\w.]*)""", text))):
            try:
                parse_dataset_definition({"type": name, "filepath": "x"})
            except Exception:
                continue

    def runner(self, name, params):
        """The runner of a request, by the rule of Kedro's server."""
        from kedro.runner import AbstractRunner
        from kedro.utils import load_obj

        name = name or "SequentialRunner"
        module, _, _ = name.rpartition(".")
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name, re.ASCII) or not self._allowed(module):
            raise errors.Refusal(
                "runner_not_allowed",
                f"Runner module '{module}' is not allowed. Only 'kedro.runner', the project package, or modules listed "
                f"in '{self._allow_list()[0]}' via settings.py are permitted.",
            )
        try:
            found = load_obj(name, "kedro.runner")
        except Exception as exc:
            raise errors.Refusal("runner_not_found", str(exc)) from exc
        if not (isinstance(found, type) and issubclass(found, AbstractRunner)):
            raise errors.Refusal(
                "runner_not_allowed",
                f"Runner '{name}' is not a subclass of AbstractRunner. Only AbstractRunner subclasses are permitted.",
            )
        try:
            return found(**(params or {}))
        except Exception as exc:
            raise errors.Refusal("runner_params", str(exc)) from exc

    def _allow_list(self):
        for name in ("RUNNER_MODULE_ALLOWLIST", "RUNNER_MODULES_WHITELIST"):
            found = getattr(self.settings, name, None)
            if found is not None:
                return name, tuple(found)
        return "RUNNER_MODULE_ALLOWLIST", ()

    def _allowed(self, module):
        if not module:
            return True
        known = ["kedro.runner", self.metadata.package_name, *self._allow_list()[1]]
        return any(module == prefix or module.startswith(prefix + ".") for prefix in known if prefix)

    def ready(self):
        return {
            "python": sys.version.split()[0],
            "kedro": self.version,
            "package": self.metadata.package_name,
            "name": self.metadata.project_name,
            "pipelines": list(self.pipelines.keys()),
            "source": str(self.metadata.source_dir),
            "conf": str(self._conf_folder()),
        }


def _needs_parameters(exc):
    """Whether configuration could not be read because it needs the parameters of a run."""
    base = importlib.import_module("omegaconf.errors").OmegaConfBaseException
    return isinstance(exc, base)
