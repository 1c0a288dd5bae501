# Kills the process groups of the children when the worker is gone, however it died. The worker writes "+group" and
# "-group" lines to standard input; its end means that nobody looks after the groups any more.
import os
import signal
import sys

for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ignored, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
