"""A private proof-of-authority network (Clique, geth 1.13.15) on the loopback interface."""

from scripts.network.network import Network, NetworkError, Status, start, status, stop, wipe
from scripts.network.plan import DEFAULT_CHAIN_ID, Plan, free_port_base

__all__ = [
    "DEFAULT_CHAIN_ID",
    "Network",
    "NetworkError",
    "Plan",
    "Status",
    "free_port_base",
    "start",
    "status",
    "stop",
    "wipe",
]
