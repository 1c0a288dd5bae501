"""The two pipes to the worker: requests come in on one, messages go out on the other."""

import fcntl
import json
import math
import os
import select
import threading

VERSION = 1

_HEADER = 8  # payload size (2 bytes), flags (1), reserved (1), process id (4)
_FIRST, _LAST = 1, 2


_HIGH = 100  # descriptors from here on are ours


def private(descriptor):
    """A copy of a descriptor where code that closes or reuses the low numbers doesn't meet it. Forked processes keep
    it, programs that the project starts do not."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # the limit is lower
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def encoded(message):
    try:
        text = json.dumps(message, separators=(",", ":"), allow_nan=False)
    except ValueError:  # JSON has no inf and nan
        text = json.dumps(_finite(message), separators=(",", ":"))
    return text.encode()


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


class Channel:
    """Sends messages in packets of one atomic write each, so that those of forked processes never mix.

    A message is cut into packets that carry the id of their process; the worker puts them together again. No lock is
    shared between processes, so one that is killed can't block the others.
    """

    def __init__(self, requests, messages):
        self._requests, self._messages = os.fdopen(private(requests), "rb"), private(messages)
        os.close(requests)
        os.close(messages)
        self._room = min(getattr(select, "PIPE_BUF", 512), 4096) - _HEADER
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self):
        self._lock = threading.RLock()  # a thread that doesn't exist any more may have held the old one
        self._sending, self._later = False, []
        self._process = os.getpid().to_bytes(4, "big")

    def receive(self):
        """The next request; None when the worker has closed the pipe."""
        size = self._requests.read(4)
        if len(size) < 4:
            return None
        data = self._requests.read(int.from_bytes(size, "big"))
        return json.loads(data)

    def send(self, message):
        data = encoded(message)
        with self._lock:
            self._later.append(data)
            if self._sending:  # a signal handler of this thread came between two packets: its message follows
                return
            self._sending = True
            try:
                while self._later:
                    self._write(self._later.pop(0))
            finally:
                self._sending = False

    def _write(self, data):
        flags = _FIRST
        while True:
            part, data = data[: self._room], data[self._room :]
            if not data:
                flags |= _LAST
            packet = len(part).to_bytes(2, "big") + bytes((flags, 0)) + self._process + part
            os.write(self._messages, packet)
            flags = 0
            if not data:
                return
