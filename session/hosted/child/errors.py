"""Exceptions as messages."""

import traceback

_LONGEST = 256 << 10


class Refusal(Exception):
    """The request can't be run as it is; kind says to the worker why."""

    def __init__(self, kind, message, **details):
        super().__init__(message)
        self.kind, self.details = kind, details

    def told(self):
        """The message of a refusal: what caused it, else Python's error for a wrong value."""
        if self.__cause__ is not None:
            return {"kind": self.kind, **self.details, **describe(self.__cause__)}
        return {"kind": self.kind, "error": "ValueError", "bases": ["Exception"], "message": str(self), **self.details}


def describe(exc):
    """Type, base classes, text and traceback of an exception, without the frames of this program."""
    bases = [base.__name__ for base in type(exc).__mro__[1:] if base not in (object, BaseException)]
    return {
        "error": type(exc).__name__,
        "bases": bases,
        "message": text(exc),
        "traceback": _traceback(exc)[-_LONGEST:],
        "retryable": _retryable(exc),
    }


def _retryable(exc):
    """What the exception, or what caused it, says of another attempt by its attribute: True, False, or None."""
    seen = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        said = getattr(exc, "retryable", None)
        if isinstance(said, bool):
            return said
        exc = exc.__cause__
    return None


def text(exc):
    """The text of an exception, which may be without one."""
    try:
        told = str(exc)
        return told if len(told) <= _LONGEST else told[:_LONGEST] + "…"
    except Exception as broken:
        return f"<{type(exc).__name__} without a text: {type(broken).__name__}>"


def _traceback(exc):
    told = traceback.TracebackException.from_exception(exc)
    todo = [told]
    while todo:
        each = todo.pop()
        each.stack[:] = [frame for frame in each.stack if not frame.filename.startswith("<kedge>")]
        todo += [link for link in (each.__cause__, each.__context__) if link is not None]
    return "".join(told.format())
