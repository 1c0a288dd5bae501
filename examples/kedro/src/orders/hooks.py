"""Hooks of the project."""

import logging
import time

from kedro.framework.hooks import hook_impl

log = logging.getLogger(__name__)


class Timing:
    """Logs how long each node took."""

    @hook_impl
    def before_node_run(self, node):
        self._since = time.perf_counter()

    @hook_impl
    def after_node_run(self, node):
        log.info("%s took %.1f ms", node.name, (time.perf_counter() - self._since) * 1000)
