"""Split orders into clean ones and rejected ones: clean_orders.py ORDERS CLEAN REJECTED, parameters on stdin."""

import csv
import json
import sys

orders_path, clean_path, rejected_path = sys.argv[1:]
options = json.load(sys.stdin)["cleaning"]


def cleaned(order):
    quantity = int(order["quantity"])
    if quantity < options["smallest_quantity"]:
        raise ValueError(f"quantity {quantity} is too small")
    if not order["country"]:
        raise ValueError("no country")
    price = float(order["price"].lstrip(options["currency"]).replace(",", ""))
    return order | {"country": order["country"].title(), "quantity": quantity, "price": price}


with (
    open(orders_path, newline="", encoding="utf-8") as orders,
    open(clean_path, "w", newline="", encoding="utf-8") as clean,
    open(rejected_path, "w", newline="", encoding="utf-8") as rejected,
):
    reader = csv.DictReader(orders)
    good = csv.DictWriter(clean, reader.fieldnames, lineterminator="\n")
    bad = csv.DictWriter(rejected, ["order_id", "reason"], lineterminator="\n")
    good.writeheader()
    bad.writeheader()
    for order in reader:
        try:
            good.writerow(cleaned(order))
        except ValueError as error:
            print(f"order {order['order_id']} rejected: {error}", file=sys.stderr)
            bad.writerow({"order_id": order["order_id"], "reason": str(error)})
