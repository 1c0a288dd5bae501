"""Settings of the project."""

from orders.hooks import Timing

HOOKS = (Timing(),)
