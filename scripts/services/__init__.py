"""Private Redis and PostgreSQL servers, for tests, faults, benchmarks and demonstration."""

from scripts.services.postgres import postgres
from scripts.services.redis import redis
from scripts.services.server import Server, ServiceError

__all__ = ["Server", "ServiceError", "postgres", "redis"]
