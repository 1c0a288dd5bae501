# The whole of what the interpreter is started with: gets the modules of the child over the request pipe and runs
# them, so that nothing has to be installed into the project's environment.
import importlib.util
import json
import os
import sys


class Modules:
    """Imports the package _kedge from the sources that the worker sent."""

    def __init__(self, sources):
        self._sources = sources

    def find_spec(self, name, path=None, target=None):
        if name in self._sources:
            return importlib.util.spec_from_loader(name, self, origin=self._path(name), is_package=name == "_kedge")
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source = self._sources[module.__name__]
        exec(compile(source, self._path(module.__name__), "exec"), module.__dict__)

    @staticmethod
    def _path(name):
        return f"<kedge>/{name}"


def read(size):
    data = b""
    while len(data) < size:
        part = os.read(3, size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


if sys.version_info < (3, 10):
    sys.exit(f"Python {sys.version.split()[0]} is too old for Kedro 1.4, which needs 3.10")
bundle = json.loads(read(int.from_bytes(read(4), "big")))
sys.meta_path.append(Modules(bundle["modules"]))
importlib.import_module("_kedge.main").main(bundle["config"])
