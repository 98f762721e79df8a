"""The outbox: every transaction of one account, from its signature to the depth where it counts.

A transaction is written down, signed, before the node sees it; so whoever kills the process can
neither lose one nor have it made twice. What is written is sealed under a key that follows from
the account's: nobody reads from the database what is not on the chain yet.

    signed    written down; the node may not have it
    sent      the node took it
    mined     the present branch holds it; a reorganisation makes it sent again
    done      mined, and as deep as the chain's confirmations
    failed    as done, but the contract refused; posting its key again makes another attempt
    replaced  it would have failed, and an empty transaction took its nonce; as failed
"""

import json
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from enum import StrEnum

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account.signers.local import LocalAccount
from sqlmodel import func, select

from offchain.calls import Call
from offchain.chain import Chain, ChainError, Inclusion, Sendable, calldata
from offchain.store import Send, Store, StoreError

BUMP_AFTER = 3
"""Blocks that pass a transaction by before it offers more."""

BUMP_PERCENT = 25
"""Nodes take another transaction of the same nonce for a tenth (geth) or an eighth (others) more."""

FEE_CAP_WEI = 500 * 10**9
WATCHED = 1_000
"""Blocks after which a transaction that ended is watched no more, and its bytes are forgotten."""

POLL_SECONDS = 0.2
EMPTY_GAS = 21_000

log = structlog.get_logger()


class SendState(StrEnum):
    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    DONE = "done"
    FAILED = "failed"
    REPLACED = "replaced"


RESULTS = {SendState.DONE: "mined", SendState.FAILED: "reverted", SendState.REPLACED: "dropped"}
OPEN = (SendState.SIGNED, SendState.SENT, SendState.MINED)


@dataclass
class _Sealed:
    """What a transaction is made of, and its signed bytes; hexadecimal."""

    to: str
    data: str
    value: int
    gas: int
    raw: str = ""


class Outbox:
    """One account's only writer, while it lives: Busy (of `offchain.store`) if there is another.

    `post` may be called by many threads; `pump` follows everything that is open and is to be called
    once a block, by whoever owns the sender. `fee_cap` bounds the wei a unit of gas.
    """

    def __init__(self, chain: Chain, store: Store, account: LocalAccount, fee_cap: int = FEE_CAP_WEI):
        self.chain, self.store, self.account, self.fee_cap = chain, store, account, fee_cap
        self._lock = threading.RLock()
        self._box = AESGCM(HKDF(SHA256(), 32, None, b"shadowpool outbox v1").derive(bytes(account.key)))
        self._lease = store.lease(f"{chain.chain_id}.{account.address}")
        self._seen: tuple[int, bytes] | None = None

    def close(self) -> None:
        """Let another process write. What is open stays open, for the next sender."""
        self._lease.close()

    # --- For who measures ---

    def counted(self, what: str) -> None:
        """A transaction was sent, reorganised, bumped, mined, reverted or dropped; or a nonce was mended."""

    def waiting(self, count: int, oldest: int) -> None:
        """So many are open, the oldest without a block for so many blocks."""

    # --- For those who post ---

    def find(self, key: str) -> Send | None:
        """What was posted under a key, as the last `pump` saw it."""
        with self.store.reading() as session:
            where = (Send.sender == self.account.address, Send.key == key)
            return session.exec(select(Send).where(*where)).one_or_none()

    def open(self) -> list[Send]:
        """What has not ended, by nonce."""
        with self.store.reading() as session:
            found = select(Send).where(Send.sender == self.account.address, Send.state.in_(OPEN))
            return list(session.exec(found.order_by(Send.nonce)))

    def is_open(self, key: str) -> bool:
        send = self.find(key)
        return send is not None and send.state in OPEN

    def calldata(self, send: Send) -> tuple[str, bytes]:
        """(target, calldata) of what has not ended, as last signed: this account and none if it was emptied."""
        sealed = self._unseal(send)
        return sealed.to, bytes.fromhex(sealed.data.removeprefix("0x"))

    def post(self, key: str, call: Call | Sendable, value: int = 0, gas: int | None = None) -> Send:
        """Send `call` once, whoever asks how often: under the same key it is the same transaction.

        Simulated at the head first unless `gas` is given: Reverted, and nothing is kept, if it is
        refused. A key whose transaction failed is sent anew. A node that cannot be reached now
        gets it from a later `pump`.
        """
        if (found := self._standing(key)) is not None:
            return found
        function = call.on(self.chain) if isinstance(call, Call) else call
        head, me = self.chain.head(), self.account.address
        gas = self.chain.allowance(function, {"from": me, "value": value}, function.fn_name, gas, head)
        offer = self._offer()
        sealed = _Sealed(function.address, calldata(function), value, gas)
        with self._lock:
            if (found := self._standing(key)) is not None:
                return found
            send = self.find(key) or Send(sender=me, key=key, attempts=0)
            send.name, send.attempts = function.fn_name, send.attempts + 1
            send.hashes, send.nonce, send.reason = "", self._next_nonce(), None
            self._give(self._sign(send, sealed, offer, head))
        self.counted("sent")
        return send

    def wait(self, key: str, timeout: float = 120) -> Send:
        """Pump until the transaction has ended, in whatever way; ChainError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            self.pump()
            send = self.find(key)
            if send is None or send.state not in OPEN:
                return send
            if time.monotonic() > deadline:
                raise ChainError(f"{send.name}: still {send.state} after {timeout:.0f} s")
            time.sleep(POLL_SECONDS)

    # --- Following what was sent ---

    def pump(self, head: int | None = None) -> list[Send]:
        """Look at everything open as of block `head`; those that ended by it.

        Broadcasts again what was dropped or fell out of the chain, with a higher offer where blocks
        pass it by; takes another nonce for what lost its own, and fills nonces that nothing has.
        """
        with self._lock:
            self._lease.hold()
            head = self.chain.head() if head is None else head
            self._reopen_fallen(head)
            watched = self.open()
            included = self.chain.inclusions([tx for send in watched for tx in _hashes(send)]) if watched else {}
            ended = [send for send in watched if self._follow(send, included, head)]
            self._mend([send for send in watched if send.state in (SendState.SIGNED, SendState.SENT)], head)
            self._forget(head)
            self._tell(ended, head)
            return ended

    def _follow(self, send: Send, included: dict[str, Inclusion], head: int) -> bool:
        """Bring one transaction up to date; whether it has ended."""
        found = next((tx for tx in _hashes(send) if tx in included), None)
        if found is None:
            self._missing(send, head)
            return send.state not in OPEN
        at, known = included[found], (send.state, send.block_hash)
        send.block, send.block_hash, send.gas_used, send.ok = at.block, at.block_hash, at.gas, at.ok
        send.state = SendState.MINED
        if (ended := head - at.block >= self.chain.confirmations):
            emptied = f"-{found}" in send.hashes.split()
            send.state = SendState.REPLACED if emptied else SendState.DONE if at.ok else SendState.FAILED
            if send.state == SendState.FAILED:
                send.reason = self.chain.why(found, at.block)
        if known != (send.state, send.block_hash):      # else every block would write it, and hold up who posts
            self._keep(send)
        return ended

    def _missing(self, send: Send, head: int) -> None:
        """Do what brings a transaction nearer to a block, which no block up to the head holds."""
        me, depth = self.account.address, self.chain.confirmations
        if send.state == SendState.MINED:
            self._reopen(send, head)
        elif send.nonce < self.chain.nonce(me, head):
            if send.nonce < self.chain.nonce(me, head - depth):     # taken for good, by another program
                self._again(send, head)
        elif head - send.sent_block >= BUMP_AFTER:
            self._bump(send, head)
        elif send.state == SendState.SIGNED:
            self._give(send)

    def _reopen(self, send: Send, head: int) -> None:
        """Send again what the chain held and holds no more."""
        self.counted("reorganised")
        log.warning("send fell out", step=send.name, nonce=send.nonce, block=send.block)
        send.state, send.block, send.block_hash, send.ok, send.sent_block = SendState.SENT, None, None, None, head
        self._give(send)

    def _again(self, send: Send, head: int) -> None:
        """Take another nonce. What was emptied, because it would fail, ends as if that had been mined."""
        if _emptied(send):
            send.state, send.block = SendState.REPLACED, head      # as of which block, so that it is forgotten in time
            self._keep(send)
            return
        sealed = self._unseal(send)
        send.nonce, send.hashes = self._next_nonce(), ""
        self._give(self._sign(send, sealed, self._offer(), head))

    def _bump(self, send: Send, head: int) -> None:
        """Offer more; where the transaction is next and would fail, empty it instead.

        One that no node took (for want of coin, say) has nothing to outbid, and must not grow dear meanwhile.
        """
        sealed, empty = self._unseal(send), _emptied(send)
        before, offer = {"maxFeePerGas": int(send.max_fee), "maxPriorityFeePerGas": int(send.tip)}, self._offer()
        taken, emptied = send.state == SendState.SENT, empty
        for name, fee in before.items():
            offer[name] = max(offer[name], fee * (100 + BUMP_PERCENT) // 100 + 1 if taken else fee)
        if not empty and send.nonce == self.chain.nonce(self.account.address, head):
            tx = {"to": sealed.to, "data": sealed.data, "value": sealed.value, "gas": sealed.gas}
            send.reason = self.chain.refusal(self.account.address, tx, head)
            empty = send.reason is not None
        if empty:
            sealed = self._nothing()
        if offer["maxFeePerGas"] <= self.fee_cap and (empty != emptied or offer != before):
            self._sign(send, sealed, offer, head, empty)
            self.counted("bumped")
        send.sent_block = head
        self._give(send)

    def _mend(self, unmined: list[Send], head: int) -> None:
        """Fill the nonces below all that wait, which neither a block nor the node's pool holds."""
        waiting = [send for send in unmined if send.sent_block < head]
        if not waiting:
            return
        me = self.account.address
        for nonce in range(self.chain.nonce(me, "pending"), min(send.nonce for send in unmined)):
            with self.store.reading() as session:
                ours = session.exec(select(Send).where(Send.sender == me, Send.nonce == nonce)).one_or_none()
            if ours is not None and ours.sealed:
                self._reopen(ours, head)
            elif ours is None:
                self.counted("mended")
                fill = Send(sender=me, key=f"fill:{nonce}", name="fill", nonce=nonce, hashes="")
                self._give(self._sign(fill, self._nothing(), self._offer(), head, empty=True))

    def _reopen_fallen(self, head: int) -> None:
        """After a reorganisation, of whatever depth: what had ended and is on the chain no more, is open."""
        if self._seen is not None and self.chain.block_hash(self._seen[0]) == self._seen[1]:
            self._look_at(head)
            return
        with self.store.reading() as session:
            mine = select(Send).where(Send.sender == self.account.address, Send.sealed.is_not(None))
            ended = list(session.exec(mine.where(Send.state.not_in(OPEN)).order_by(Send.nonce)))
        included = self.chain.inclusions([tx for send in ended for tx in _hashes(send)]) if ended else {}
        for send in ended:
            if not any(tx in included for tx in _hashes(send)):
                self._reopen(send, head)
        self._look_at(head)

    def _tell(self, ended: list[Send], head: int) -> None:
        for send in ended:
            self.counted(RESULTS[send.state])
            facts = {"block": send.block, "nonce": send.nonce, "reason": send.reason}
            log.info("send ended", step=send.name, state=str(send.state), **facts)
        still = self.open()
        self.waiting(len(still), head - min((send.sent_block for send in still if send.block is None), default=head))

    def _look_at(self, head: int) -> None:
        tip = self.chain.block_hash(head)
        self._seen = None if tip is None else (head, tip)

    def _forget(self, head: int) -> None:
        with self.store.session() as session:
            where = (Send.sender == self.account.address, Send.sealed.is_not(None), Send.state.not_in(OPEN))
            for send in session.exec(select(Send).where(*where, Send.block < head - WATCHED)):
                send.sealed = None

    # --- Signing and giving ---

    def _standing(self, key: str) -> Send | None:
        """The transaction under a key, unless its end calls for another attempt."""
        found = self.find(key)
        return None if found is None or found.state in (SendState.FAILED, SendState.REPLACED) else found

    def _offer(self) -> dict:
        fees = self.chain.fees()
        return fees | {"maxFeePerGas": max(min(fees["maxFeePerGas"], self.fee_cap), fees["maxPriorityFeePerGas"])}

    def _next_nonce(self) -> int:
        """After all of ours, and all that the node knows of."""
        with self.store.reading() as session:
            last = session.exec(select(func.max(Send.nonce)).where(Send.sender == self.account.address)).one()
        known = self.chain.nonce(self.account.address, "pending")
        return known if last is None else max(known, last + 1)

    def _nothing(self) -> _Sealed:
        return _Sealed(self.account.address, "0x", 0, EMPTY_GAS)

    def _sign(self, send: Send, sealed: _Sealed, offer: dict, head: int, empty: bool = False) -> Send:
        """Sign under the send's nonce, and write it down: only what is written may be broadcast."""
        self._lease.hold()
        tx = {"type": 2, "to": sealed.to, "data": sealed.data, "value": sealed.value, "gas": sealed.gas}
        signed = self.account.sign_transaction(tx | offer | {"nonce": send.nonce, "chainId": self.chain.chain_id})
        sealed.raw = signed.raw_transaction.to_0x_hex()
        send.hashes = f"{send.hashes} {'-' if empty else ''}{signed.hash.to_0x_hex()}".strip()
        send.max_fee, send.tip = str(offer["maxFeePerGas"]), str(offer["maxPriorityFeePerGas"])
        send.state, send.block, send.block_hash, send.ok = SendState.SIGNED, None, None, None
        send.sent_block = head
        nonce = secrets.token_bytes(12)
        send.sealed = nonce + self._box.encrypt(nonce, json.dumps(asdict(sealed)).encode(), send.key.encode())
        return self._keep(send)

    def _unseal(self, send: Send) -> _Sealed:
        try:
            plain = self._box.decrypt(send.sealed[:12], send.sealed[12:], send.key.encode())
        except InvalidTag:
            raise StoreError(f"the outbox's transaction {send.key} does not open: the database was altered") from None
        return _Sealed(**json.loads(plain))

    def _give(self, send: Send) -> Send:
        """Give the node a transaction that is written down. One that it does not take waits for the next pump."""
        raw = bytes.fromhex(self._unseal(send).raw.removeprefix("0x"))
        try:
            self.chain.broadcast(raw)
            send.state = SendState.SENT
        except ChainError as error:
            if _known(str(error)):
                send.state = SendState.SENT
        return self._keep(send)

    def _keep(self, send: Send) -> Send:
        with self.store.session() as session:
            if send.id is None:
                session.add(send)
            else:
                session.merge(send)
            session.flush()
        return send


def _hashes(send: Send) -> list[str]:
    return [tx.removeprefix("-") for tx in send.hashes.split()]


def _emptied(send: Send) -> bool:
    return send.hashes.split()[-1].startswith("-")


def _known(words: str) -> bool:
    """Whether a node refused a transaction because it has it, or a successor."""
    return any(part in words.lower() for part in ("already known", "already imported", "nonce too low", "underpriced"))
