"""Redis between relayers and proving workers: Celery's queues of job ids, and the jobs beside them.

Redis is a channel, not a store. Whoever asks keeps the job's key alive while it waits and puts it
up again when it is gone, so a job ends with its asker, and Redis may lose everything at any time.

    shadowpool:job:<id>     the sealed job         kept by the asker
    shadowpool:lease:<id>   a worker is at it      kept by the worker while it proves
    shadowpool:done:<id>    list of sealed results
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

from celery import Celery
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from relayer.proving.job import MAX_BYTES, SIZES, ProvingError

PASSWORD_VARIABLE = "SHADOWPOOL_REDIS_PASSWORD"
TASK = "shadowpool.prove"
JOB_SECONDS = 30
LEASE_SECONDS = 5
RENEW_SECONDS = 1.0
RESULT_SECONDS = 60
SOCKET_SECONDS = 10.0
DELIVER_SECONDS = 15.0
# Celery's own takeover, only for a message that was fetched and never begun: leases do the rest.
VISIBILITY_SECONDS = 60
PRIORITIES = (0, 3, 6, 9)
"""Most urgent first; a worker takes the most urgent of all its queues."""


def priority(seconds_left: float | None) -> int:
    """By the time until the deadline: under one minute, under ten, longer, none."""
    if seconds_left is None:
        return PRIORITIES[3]
    return PRIORITIES[0] if seconds_left < 60 else PRIORITIES[1] if seconds_left < 600 else PRIORITIES[2]


def queue(size: str) -> str:
    """The queue of a size class."""
    return f"shadowpool.prove.{size}"


class Broker:
    """`url` is redis://host:port/db; the password comes apart from it, so that no log shows it."""

    def __init__(self, url: str, password: str | None = None):
        password = os.environ.get(PASSWORD_VARIABLE, "") if password is None else password
        parts = urlsplit(url)
        if parts.scheme != "redis" or not parts.hostname:
            way = "redis://host:port/db; to another machine, by a tunnel"
            raise ProvingError(f"Redis is at {way}, not at {parts.scheme}://…")
        if parts.password or parts.username:
            raise ProvingError(f"take the password out of the address of Redis and set {PASSWORD_VARIABLE}")
        netloc = f":{quote(password, safe='')}@{parts.netloc}" if password else parts.netloc
        full = parts._replace(netloc=netloc).geturl()
        self.url = url
        self.redis = Redis.from_url(full, socket_timeout=SOCKET_SECONDS, retry=Retry(NoBackoff(), 1))
        self.celery = _celery(full)

    # --- The asker's side ---

    def keep(self, id: str) -> bool:
        """Keep a job alive; False if it is not there any more."""
        return bool(self.redis.expire(_job(id), JOB_SECONDS))

    def put(self, id: str, sealed: bytes) -> None:
        self.redis.set(_job(id), sealed, ex=JOB_SECONDS)

    def send(self, id: str, size: str, urgency: int) -> None:
        """Queue a job's id. A connection of its own: one that a restart of Redis left stale stays so."""
        with self.celery.connection_for_write() as connection:
            self.celery.send_task(TASK, [id], connection=connection, queue=queue(size), priority=urgency, retry=False)

    def result(self, id: str, seconds: float) -> bytes | None:
        """A result, waited for up to `seconds`; only what is there if that is 0."""
        if seconds <= 0:
            return self.redis.lpop(_done(id))
        found = self.redis.blpop([_done(id)], timeout=max(seconds, 0.01))   # Redis takes less for eternity
        return found[1] if found else None

    def leased(self, id: str) -> bool:
        return bool(self.redis.exists(_lease(id)))

    def forget(self, id: str) -> None:
        """End a job: a worker that has not begun will drop it."""
        self.redis.delete(_job(id), _done(id), _lease(id))

    # --- The worker's side ---

    def take(self, id: str) -> bytes | None:
        """A job that somebody waits for and that has no result yet."""
        fits = 0 < self.redis.strlen(_job(id)) <= MAX_BYTES
        return self.redis.get(_job(id)) if fits and not self.redis.exists(_done(id)) else None

    def put_back(self, id: str) -> None:
        """Take down a job that is not for this worker: its asker puts it up again."""
        self.redis.delete(_job(id))

    @contextmanager
    def lease(self, id: str) -> Iterator[bool]:
        """Hold the job while the block runs, False if another worker does; ends by itself with this process."""
        held = bool(self.redis.set(_lease(id), 1, ex=LEASE_SECONDS, nx=True))
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(id, ended), daemon=True)
        if held:
            renewing.start()
        try:
            yield held
        finally:
            ended.set()
            if held:
                renewing.join()
                self._quietly(lambda: self.redis.delete(_lease(id)))

    def deliver(self, id: str, sealed: bytes) -> None:
        """Put up a result, for as long as the asker may take to fetch it; given up if Redis stays away."""
        until = time.monotonic() + DELIVER_SECONDS
        while not self._quietly(lambda: self._push(id, sealed)) and time.monotonic() < until:
            time.sleep(0.2)

    def _push(self, id: str, sealed: bytes) -> None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.rpush(_done(id), sealed).expire(_done(id), RESULT_SECONDS).execute()

    def _renew(self, id: str, ended: threading.Event) -> None:
        while not ended.wait(RENEW_SECONDS):
            self._quietly(lambda: self.redis.set(_lease(id), 1, ex=LEASE_SECONDS))

    @staticmethod
    def _quietly(action) -> bool:
        """Whether Redis did it: a proof goes on without Redis."""
        try:
            action()
        except (RedisError, OSError):
            return False
        return True


def _job(id: str) -> str:
    return f"shadowpool:job:{id}"


def _lease(id: str) -> str:
    return f"shadowpool:lease:{id}"


def _done(id: str) -> str:
    return f"shadowpool:done:{id}"


def _celery(url: str) -> Celery:
    """Celery carries ids and nothing else; results do not go through it."""
    app = Celery("shadowpool", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "priority_steps": list(PRIORITIES),
            "queue_order_strategy": "priority",
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": SOCKET_SECONDS,
        },
        task_queues={queue(size): {} for size in SIZES},
    )
    return app
