"""Nodes of the report."""

import logging

import pandas as pd

log = logging.getLogger(__name__)


def clean(orders: pd.DataFrame, smallest: int) -> pd.DataFrame:
    kept = orders[orders["pieces"] >= smallest].reset_index(drop=True)
    log.info("%d of %d orders are left", len(kept), len(orders))
    return kept.assign(amount=kept["pieces"] * kept["price"])


def by_region(orders: pd.DataFrame) -> pd.DataFrame:
    return orders.groupby("region", as_index=False)[["pieces", "amount"]].sum()


def summarize(sales: pd.DataFrame) -> dict:
    return {row.region: {"pieces": int(row.pieces), "amount": float(row.amount)} for row in sales.itertuples()}


def top(sales: pd.DataFrame) -> str:
    return sales.sort_values("amount").iloc[-1]["region"]
