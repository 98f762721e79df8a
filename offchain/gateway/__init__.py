"""The agent's gateway: orders, fills, balances and controls over HTTP and WebSocket, for those with a key of it."""

from offchain.gateway.app import create
from offchain.gateway.controls import Controls
from offchain.gateway.serve import GatewayError, serving
from offchain.gateway.settings import Settings

__all__ = ["Controls", "GatewayError", "Settings", "create", "serving"]
