"""Values of datasets as messages and files: JSON where they are JSON, tables as records or Arrow, never pickle."""

import datetime
import decimal
import inspect
import json
import os
import pathlib

from kedro.io import AbstractDataset

_TABLES = ("pandas", "polars", "pyarrow")


class Encoder:
    """Writes outputs of one run: small values into the message, room bytes in all, larger ones into files."""

    def __init__(self, folder, room):
        self._folder, self._room, self._files = folder, room, 0

    def output(self, dataset, wanted):
        """What the worker is told of one dataset. One that is stored elsewhere is read only if somebody wants it."""
        told = describe(dataset)
        if not wanted and not told["memory"]:
            return told
        try:
            value = peek(dataset)
        except Exception as exc:
            return {**told, "problem": f"{type(exc).__name__}: {exc}"}
        told["value_type"], told["shape"] = type_name(value), shape_of(value)
        try:
            self._put(value, told)
        except Exception as exc:
            told["problem"] = f"{type(exc).__name__}: {exc}"
        return told

    def _put(self, value, told):
        if library(value) is None:
            text = to_json(value)
            if text is None:
                return
            if len(text) <= self._room:
                told["value"] = json.loads(text)
                self._room -= len(text)
            else:
                self._file(told, "json", lambda path: pathlib.Path(path).write_text(text, encoding="utf-8"))
            return
        if cells(value) * 2 <= self._room:
            text = records(value)
            if text is not None and len(text) <= self._room:
                told["value"] = json.loads(text)
                self._room -= len(text)
                return
        arrow = to_arrow(value)
        if arrow is not None:
            self._file(told, "arrow", lambda path: write_arrow(arrow, path))
        elif (text := records(value)) is not None:
            self._file(told, "json", lambda path: pathlib.Path(path).write_text(text, encoding="utf-8"))

    def _file(self, told, form, write):
        self._files += 1
        path = os.path.join(self._folder, f"output-{self._files}.{form}")
        write(path)
        told["file"], told["form"], told["size"] = path, form, os.path.getsize(path)


def describe(dataset):
    """Class and arguments of a dataset, and whether its data lies in memory only."""
    kind = type(dataset)
    try:
        args = dataset._describe()
    except Exception:
        args = {}
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "args": [[str(name), _argument(value)] for name, value in args.items() if name != "data"],
        "memory": bool(getattr(dataset, "_EPHEMERAL", False)) and kind.__name__ != "CachedDataset",
    }


def _argument(value):
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def peek(dataset):
    """The value of a dataset; that of a memory dataset without the copy that Kedro makes for a node."""
    if type(dataset).__name__ == "MemoryDataset" and hasattr(dataset, "_data"):
        return dataset._data
    return dataset.load()


def type_name(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def shape_of(value):
    shape = getattr(value, "shape", None)
    try:
        if shape is not None:
            return " x ".join(str(int(n)) for n in shape)
        return str(len(value)) if isinstance(value, (list, tuple, dict, set, frozenset)) else ""
    except Exception:
        return ""


def library(value):
    """The library of a table or column of data, else None."""
    name = type(value).__module__.partition(".")[0]
    return name if name in _TABLES and type(value).__name__ in ("DataFrame", "Series", "Table", "RecordBatch") else None


def cells(value):
    count = 1
    for n in getattr(value, "shape", ()):
        count *= int(n)
    return count


def to_json(value):
    """The JSON of a value; None when it isn't JSON."""
    try:
        return json.dumps(value, allow_nan=False, default=_plain, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None


def _plain(value):
    """What a scalar of a library is in JSON."""
    if type(value).__module__ == "numpy":
        return value.tolist()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, pathlib.PurePath)):
        return str(value)
    raise TypeError(type(value).__name__)


def records(value):
    """The rows of a table as the JSON of a list of objects."""
    kind = library(value)
    if kind == "pandas":
        return with_index(value).to_json(orient="records", date_format="iso", force_ascii=False)
    if kind == "polars":
        return to_json(value.to_frame().to_dicts() if type(value).__name__ == "Series" else value.to_dicts())
    return to_json(value.to_pylist())


def with_index(value):
    """A pandas table with its index as columns when that says something: it has a name, or isn't of numbers."""
    frame = value.to_frame() if type(value).__name__ == "Series" else value
    index = frame.index
    if index.nlevels > 1 or index.name is not None or index.inferred_type not in ("integer", "empty"):
        return frame.reset_index()
    return frame


def to_arrow(value):
    """The Arrow table of a table; None where pyarrow is missing or can't."""
    try:
        import pyarrow
    except ImportError:
        return None
    try:
        kind, series = library(value), type(value).__name__ == "Series"
        if kind == "pandas":
            return pyarrow.Table.from_pandas(with_index(value), preserve_index=False)
        if kind == "polars":
            return (value.to_frame() if series else value).to_arrow()
        return pyarrow.Table.from_batches([value]) if isinstance(value, pyarrow.RecordBatch) else value
    except Exception:
        return None


def write_arrow(table, path):
    import pyarrow

    with pyarrow.OSFile(path, "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def as_data(value, kind):
    """A value of a request as a node wants it: a list of records becomes a table of the library kind, if that is one."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return value
    if kind == "pandas":
        import pandas

        return pandas.DataFrame.from_records(value)
    if kind == "polars":
        import polars

        return polars.from_dicts(value)
    return value


class FileInput(AbstractDataset):
    """Data of a request that lies in a file; it is read when a node wants it."""

    def __init__(self, path, form, kind):
        self._path, self._form, self._kind = path, form, kind

    def _load(self):
        if self._form == "text":
            return pathlib.Path(self._path).read_text(encoding="utf-8")
        if self._form == "json":
            with open(self._path, encoding="utf-8") as file:
                return as_data(json.load(file), self._kind)
        if self._kind == "polars":
            import polars

            read = {"csv": polars.read_csv, "parquet": polars.read_parquet, "arrow": polars.read_ipc}
        else:
            import pandas

            read = {"csv": pandas.read_csv, "parquet": pandas.read_parquet, "arrow": pandas.read_feather}
        return read[self._form](self._path)

    def _save(self, data):
        raise TypeError("data that came with the request can't be saved")

    def _exists(self):
        return True

    def _describe(self):
        return {"format": self._form}


def catalog_kind(catalog, name):
    """The table library of the dataset type that the catalog gives a name."""
    try:
        dataset = catalog.get(name)
    except Exception:
        return None
    parts = type(getattr(dataset, "_dataset", dataset)).__module__.split(".")
    return next((kind for kind in ("pandas", "polars") if kind in parts), None)


def node_kind(pipeline, name):
    """The table library that a node which reads the dataset annotates its parameter with."""
    for node in pipeline.nodes:
        if name not in node.inputs:
            continue
        try:
            signature = inspect.signature(node.func)
            bound = signature.bind(*node._inputs) if isinstance(node._inputs, list) else None
            given = bound.arguments.items() if bound else _named(node, name)
        except (TypeError, ValueError):
            continue
        for parameter, dataset in given:
            if dataset == name and parameter in signature.parameters:
                hint = str(signature.parameters[parameter].annotation)
                for kind, words in (("pandas", ("pandas", "pd.DataFrame")), ("polars", ("polars", "pl.DataFrame"))):
                    if "DataFrame" in hint and any(word in hint for word in words):
                        return kind
    return None


def _named(node, name):
    if isinstance(node._inputs, str):
        return [(next(iter(inspect.signature(node.func).parameters)), node._inputs)]
    return (node._inputs or {}).items()
