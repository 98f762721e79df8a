"""Order files: what `make demo ORDERS=…` reads, and a maker of them from exchange data."""

from scripts.orders.parse import (
    BATCH,
    DEFAULT_FILE,
    FIRST_BATCH,
    HEADER,
    INSTITUTIONS,
    LOT,
    MAX_ROWS,
    QUOTE_DECIMALS,
    BadOrders,
    OrderRow,
    batches,
    read,
)

__all__ = [
    "BATCH",
    "DEFAULT_FILE",
    "FIRST_BATCH",
    "HEADER",
    "INSTITUTIONS",
    "LOT",
    "MAX_ROWS",
    "QUOTE_DECIMALS",
    "BadOrders",
    "OrderRow",
    "batches",
    "read",
]
