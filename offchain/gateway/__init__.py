"""The agent's gateway: orders, fills, balances and controls over HTTP and WebSocket, for those with a key of it."""
