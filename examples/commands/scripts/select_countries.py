"""Keep the orders of some countries: select_countries.py ORDERS SELECTED, {"countries": [...]} on stdin."""

import csv
import json
import sys

orders_path, selected_path = sys.argv[1:]
countries = set(json.load(sys.stdin)["countries"])

with (
    open(orders_path, newline="", encoding="utf-8") as orders,
    open(selected_path, "w", newline="", encoding="utf-8") as selected,
):
    reader = csv.DictReader(orders)
    writer = csv.DictWriter(selected, reader.fieldnames, lineterminator="\n")
    writer.writeheader()
    writer.writerows(order for order in reader if order["country"] in countries)
