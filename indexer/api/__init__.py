"""The indexer's API: REST under /v1, a WebSocket at /v1/stream, GraphQL, and the explorer's files."""

from indexer.api.app import create_app
from indexer.api.settings import Settings

__all__ = ["Settings", "create_app"]
