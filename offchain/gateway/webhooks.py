"""Events pushed to a URL: signed, in order, at least once, for as long as it takes.

The queue is the desk's own log of events, which is durable and has no gap, and each webhook's place in it: the last
event that was delivered. A thread a webhook delivers the next, and waits ever longer while nobody takes it.
"""

import random
import secrets
import time
from collections.abc import Callable
from threading import Condition, Thread

import structlog
from sqlalchemy import Engine
from sqlmodel import func, select

from offchain.agent.desk import Desk, DeskEvent
from offchain.clock import unix_ms
from offchain.gateway.decisions import append
from offchain.gateway.outbound import Forbidden, Unreachable, addresses, post, target
from offchain.gateway.seal import Box, SealBroken
from offchain.gateway.settings import Settings
from offchain.gateway.shapes import Event
from offchain.gateway.tables import Hook, reading, transaction
from offchain.gateway.verify import ID, SIGNATURE, TIMESTAMP, signature

log = structlog.get_logger()

HOOKS = 32
SECRET_BYTES = 32
BATCH = 500
JOIN_SECONDS = 15.0
Post = Callable[..., int]


class HookRefused(ValueError):
    """A webhook cannot be made, or is not there; the message says why."""


class Webhooks:
    """The webhooks in the agent's database; delivers from `start` to `stop`. `send` posts, as `outbound.post` does."""

    def __init__(self, desk: Desk, engine: Engine, settings: Settings, send: Post = post):
        self._desk, self._engine, self._settings, self._send = desk, engine, settings, send
        self._box, self._changed = Box(settings.sealing_key), Condition()
        self._running, self._threads, self._last = False, {}, 0

    # --- What there is ---

    def add(self, url: str, kinds: list[str], after: int | None, actor: str) -> tuple[Hook, str]:
        """(a new webhook, its secret in hexadecimal, shown this once). Forbidden or HookRefused."""
        try:
            addresses(target(url), self._settings.private_hosts)
        except Unreachable as error:
            raise HookRefused(f"nothing can be sent there: {error}") from None
        last = self._desk.status().sequence
        if after is not None and after > last:
            raise HookRefused(f"the last event is {last}: there is none after {after} to begin with")
        id, secret = secrets.token_hex(8), secrets.token_bytes(SECRET_BYTES)
        hook = Hook(
            id=id, url=url, kinds=" ".join(sorted(set(kinds))), secret=self._box.seal(secret, id), created=unix_ms(),
            delivered=last if after is None else after,
        )  # fmt: skip
        with transaction(self._engine) as session:
            if session.exec(select(func.count()).select_from(Hook)).one() >= HOOKS:
                raise HookRefused(f"there are {HOOKS} webhooks already: remove one")
            session.add(hook)
            append(session, "webhook", actor, id, "made", {"host": target(url).host, "kinds": sorted(set(kinds))})
        self._deliver_to(id)
        return hook, secret.hex()

    def all(self) -> list[Hook]:
        with reading(self._engine) as session:
            return list(session.exec(select(Hook).order_by(Hook.created)))

    def remove(self, id: str, actor: str) -> None:
        """HookRefused if there is none."""
        with transaction(self._engine) as session:
            hook = session.get(Hook, id)
            if hook is None:
                raise HookRefused(f"there is no webhook {id}")
            session.delete(hook)
            append(session, "webhook", actor, id, "removed")
        self._threads.pop(id, None)
        with self._changed:
            self._changed.notify_all()

    # --- Delivering ---

    def start(self) -> None:
        self._running = True
        for hook in self.all():
            if hook.state == "active":
                self._deliver_to(hook.id)

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()
        for thread in list(self._threads.values()):
            thread.join(JOIN_SECONDS)

    def told(self, last: int) -> None:
        """There are events up to number `last`."""
        with self._changed:
            self._last = max(self._last, last)
            self._changed.notify_all()

    def _deliver_to(self, id: str) -> None:
        if self._running:
            thread = self._threads[id] = Thread(target=self._deliver, args=(id,), name=f"webhook-{id}", daemon=True)
            thread.start()

    def _deliver(self, id: str) -> None:
        while self._running:
            try:
                hook = self._hook(id)
                if hook is None or hook.state != "active":
                    break
                event = self._next(hook)
                if event is None:
                    self._wait(lambda: self._last > hook.delivered or self._gone(id), 60.0)
                elif (left := (hook.next_attempt or 0) - unix_ms()) > 0:
                    self._wait(lambda: self._gone(id), left / 1_000)
                else:
                    self._attempt(hook, event)
            except Exception as error:  # noqa: BLE001 - the queue stands; what follows waits for it
                log.warning("webhook", hook=id, error=type(error).__name__)
                self._wait(lambda: False, 1.0)
        self._threads.pop(id, None)

    def _attempt(self, hook: Hook, event: DeskEvent) -> None:
        problem = self._post(hook, event)
        if problem is None:
            hook.delivered, hook.attempts = event.sequence, 0
            hook.failing_since = hook.next_attempt = hook.error = None
            return self._keep(hook)
        settings, now = self._settings, unix_ms()
        wait = min(settings.hook_longest_wait, settings.hook_first_wait * 2 ** min(hook.attempts, 60))
        hook.attempts, hook.error = hook.attempts + 1, problem
        hook.failing_since = hook.failing_since or now
        hook.next_attempt = now + int(1_000 * wait * random.uniform(0.8, 1.2))
        if now - hook.failing_since > 1_000 * settings.hook_give_up:
            hook.state, hook.next_attempt = "failed", None
        self._keep(hook)

    def _post(self, hook: Hook, event: DeskEvent) -> str | None:
        """Deliver once; None, or why it failed."""
        try:
            secret, now = self._box.open(hook.secret, hook.id).hex(), int(time.time())
            body, id = Event.model_validate(event).model_dump_json().encode(), f"{hook.id}-{event.sequence}"
            headers = {
                ID: id, TIMESTAMP: str(now), SIGNATURE: signature(secret, now, id, body), "Content-Type": "application/json",
            }  # fmt: skip
            status = self._send(target(hook.url), headers, body, self._settings.private_hosts)
        except (Forbidden, Unreachable, SealBroken) as error:
            return str(error)
        return None if 200 <= status < 300 else f"it answered {status}"

    # --- Inside ---

    def _next(self, hook: Hook) -> DeskEvent | None:
        """The next event for a hook; those before it that are not are passed over, and that is written now and then."""
        kinds, kept = hook.kinds.split(), hook.delivered
        while events := self._desk.events(hook.delivered, BATCH):
            for event in events:
                if event.kind in kinds:
                    return event
                hook.delivered = event.sequence
        if hook.delivered - kept >= BATCH:
            self._keep(hook)
        return None

    def _hook(self, id: str) -> Hook | None:
        with reading(self._engine) as session:
            return session.get(Hook, id)

    def _gone(self, id: str) -> bool:
        return id not in self._threads

    def _keep(self, hook: Hook) -> None:
        with transaction(self._engine) as session:
            if session.get(Hook, hook.id) is None:
                return      # removed meanwhile
            session.merge(hook)
            if hook.state == "failed":
                append(session, "webhook", "agent:", hook.id, "gave up", {"error": hook.error, "delivered": hook.delivered})

    def _wait(self, until: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: until() or not self._running, seconds)
