"""A relayer's Prometheus metrics, served on this machine only.

`metrics.settles.labels(result="settled").inc()`. A label takes the values listed for it and, at
any other, says "other": no label can carry a secret, nor grow without bound. Nothing here tells
of an order: no price, quantity or count of one side; of a batch what `relayer.aggregate` allows,
after its print.
"""

import ipaddress
import re
from collections.abc import Callable
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

PREFIX = "shadowpool_relayer"
REGISTRY = CollectorRegistry()
ProcessCollector(namespace=PREFIX, registry=REGISTRY)

STAGES = (
    "sync", "settle", "prove", "print", "release", "advance", "fail", "rotate_key", "erase_keys", "clear", "send",
    "carry", "observe", "build", "witness",
)  # fmt: skip
SHARES = ("matched", "imbalance", "width")
CARRIED = ("commit", "reveal", "reclaim", "cancel", "transact", "status", "quote")


def _one_of(*values: str) -> Callable[[str], bool]:
    return frozenset(values).__contains__


LABELS: dict[str, Callable[[str], bool]] = {
    "stage": _one_of(*STAGES),
    "result": _one_of("settled", "done", "failed", "late", "refused", "retried", "sent", "mined", "reverted", "dropped",
                      "reorganised", "limited", "simulated", "invalid", "repeated", "unfunded"),  # fmt: skip
    "kind": _one_of(*CARRIED),
    "state": _one_of("bonded", "unbonding", "reserved", "free"),
    "service": _one_of("chain", "database", "redis", "prover"),
    "whose": _one_of("own", "others"),
    "share": _one_of(*SHARES),
    "market": re.compile(r"[0-9]{1,5}").fullmatch,
    "circuit": re.compile(r"[a-z]{1,16}(_[0-9]{1,4})?").fullmatch,
    "queue": re.compile(r"[a-z]{1,16}(_[0-9]{1,4})?").fullmatch,
    "error": re.compile(r"[A-Z][A-Za-z]{1,40}").fullmatch,
}
"""By label: whether a value is one."""


class _Guarded:
    """A metric whose labels are held to LABELS."""

    def labels(self, **labels: Any) -> Any:
        said = {name: str(value) if LABELS[name](str(value)) else "other" for name, value in labels.items()}
        return super().labels(**said)  # type: ignore[misc]


class _Counter(_Guarded, Counter):
    pass


class _Gauge(_Guarded, Gauge):
    pass


class _Histogram(_Guarded, Histogram):
    pass


def _counter(name: str, about: str, *labels: str) -> Counter:
    return _Counter(f"{PREFIX}_{name}", about, labels, registry=REGISTRY)


def _gauge(name: str, about: str, *labels: str) -> Gauge:
    return _Gauge(f"{PREFIX}_{name}", about, labels, registry=REGISTRY)


def _seconds(name: str, about: str, *labels: str) -> Histogram:
    buckets = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
    return _Histogram(f"{PREFIX}_{name}", about, labels, buckets=buckets, registry=REGISTRY)


# --- The chain ---
head = _gauge("head_block", "The chain's head at the last round.")
ledger_block = _gauge("ledger_block", "The last block that the ledger took in.")
ledger_lag = _gauge("ledger_lag_blocks", "Blocks from the ledger to the head; the confirmed depth is as it should be.")
confirmations = _gauge("confirmations_blocks", "The depth at which a block counts.")
clock_skew = _gauge("clock_skew_seconds", "This machine's clock less the head's timestamp.")
reorganisations = _counter("reorganisations_total", "Branches that the chain left after the ledger had taken them in.")
reorg_depth = _gauge("reorg_depth_blocks", "Blocks that the last reorganisation took back.")

# --- Epochs ---
due = _gauge("due_epochs", "Epochs with something to do, by stage.", "stage")
deadline = _gauge("blocks_to_deadline", "Blocks left of the most urgent unsettled epoch that it leads.", "market")
settles = _counter("settles_total", "Settlements tried, by what became of them.", "result")
tasks = _counter("tasks_total", "Tasks ended, by stage and result.", "stage", "result")
task_errors = _counter("task_errors_total", "Errors of tasks, by stage and class.", "stage", "error")
stage_seconds = _seconds("stage_seconds", "Seconds that a stage took.", "stage")
failed_epochs = _gauge("failed_epochs", "Epochs that anybody reported as unsettled, since the deployment.", "whose")
last_round = _gauge("last_round_timestamp_seconds", "When the last round ended, as Unix time.")
batch = _gauge("batch_share_bps", "Bounds of shares of the last printed batch of enough orders.", "market", "share")
halted = _gauge("market_halted", "1 while a market's reference price is out of its band.", "market")

# --- Proofs ---
proof_seconds = _seconds("proof_seconds", "Seconds from a witness's inputs to a verified proof.", "circuit")
proof_failures = _counter("proof_failures_total", "Proofs that could not be made or did not verify.", "circuit")
queue_depth = _gauge("proof_queue_depth", "Proofs asked for and not yet there, by circuit.", "queue")

# --- Transactions ---
sends = _counter("sends_total", "Transactions, by what became of them.", "result")
in_flight = _gauge("sends_in_flight", "Transactions sent and not yet confirmed.")
oldest_send = _gauge("oldest_send_blocks", "Blocks since the oldest unmined transaction was first sent.")
fee_bumps = _counter("fee_bumps_total", "Transactions sent again for a higher fee.")
nonce_gaps = _counter("nonce_gaps_total", "Gaps in the account's nonces that were mended.")

# --- Stake and keys ---
stake = _gauge("stake_epochs", "Stake by state, in epochs that it could answer for.", "state")
coin = _gauge("gas_coin_wei", "The account's balance of the chain's coin, which pays for gas.")
key_version = _gauge("reveal_key_version", "The version of the last registered reveal key.")
key_age = _gauge("reveal_key_age_blocks", "Blocks since the last reveal key was registered.")
key_left = _gauge("reveal_key_blocks_left", "Blocks for which the last reveal key may still open windows.")
keys_missing = _gauge("reveal_keys_missing", "Registered keys that an epoch needs and that the folder lacks.")
keys_stored = _gauge("reveal_keys_stored", "Reveal keys in the folder.")

# --- The carrier ---
carried = _counter("carrier_requests_total", "Requests to the carrier.", "kind", "result")
carrier_seconds = _seconds("carrier_seconds", "Seconds from a request to the carrier to its answer.", "kind")

# --- This machine ---
disk_free = _gauge("disk_free_bytes", "Free space where the database is.")
up = _gauge("service_up", "1 while a service that this relayer needs answers.", "service")
fields_dropped = _counter("dropped_fields_total", "Fields that were not allowed out into logs or traces.")


def address(listen: str) -> tuple[str, int]:
    """(host, port) of `127.0.0.1:9464`; ValueError unless the host is a loopback address."""
    host, _, port = listen.rpartition(":")
    try:
        local = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = False
    if not local or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not a loopback address and port, such as 127.0.0.1:9464")
    return host.strip("[]"), int(port)


def serve(listen: str) -> tuple[WSGIServer, Thread]:
    """Answer `GET /metrics` on a loopback address in a thread; end it by `shutdown()` and `server_close()`
    of the server. Port 0 takes a free one: `server.server_port`."""
    host, port = address(listen)
    return start_http_server(port, host, REGISTRY)
