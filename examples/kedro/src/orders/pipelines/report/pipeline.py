from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline():
    return Pipeline(
        [
            Node(nodes.clean, ["orders", "params:smallest"], "clean_orders", name="clean"),
            Node(nodes.by_region, "clean_orders", "sales", name="by_region"),
            Node(nodes.summarize, "sales", "report", name="summarize"),
            Node(nodes.top, "sales", "best_region", name="top"),
        ]
    )
