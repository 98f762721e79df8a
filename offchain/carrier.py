"""The client of a carrier: who sends a wallet's private transactions, so that the wallet never appears.

A carrier learns the calldata, which the chain shows everyone, and the network address that it came
from: reach it over an anonymising proxy where that matters (the usual proxy variables are heeded).
Nothing that it says is trusted: its chain and pool are held to the deployment, and a transaction
counts once this side's own node has it, with this very calldata.
"""

import asyncio
import re
import threading
import time
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpx
from eth_account.signers.local import LocalAccount
from eth_utils import is_checksum_address
from web3.exceptions import TransactionNotFound

from offchain.calls import Call
from offchain.chain import Chain, ChainError, Receipt, Reverted, as_address
from offchain.deployment import Deployment
from offchain.field import RangeError, decimal, keccak256

API = "/v1"
PATIENCE = 180.0
"""Seconds in which a submission should be in a block; nothing is lost after them."""

POLL_SECONDS = 0.25
RETRY_SECONDS = 0.5
REQUEST_SECONDS = 20.0
"""For one whole request: who sends a byte now and then keeps nobody longer."""

ANSWER_BYTES = 65_536
TEXT = 300
HASH = re.compile("0x[0-9a-f]{64}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {"User-Agent": "shadowpool", "Accept": "application/json", "Accept-Encoding": "identity"}
"""The same from every wallet, so that they tell none from another."""

AGAIN = (429, 502, 503, 504)
"""Answers after which the same request may well succeed."""


class CarrierError(ChainError):
    """The carrier cannot be used, or did not carry it; the message says what to do."""


class CarrierSilent(CarrierError):
    """It does not answer, or asks to be asked again: later the same request may well succeed."""


def carried_id(to: str, data: bytes) -> str:
    """What names a submission: keccak256 of the target's 20 bytes and the calldata, as hex."""
    return "0x" + keccak256(bytes.fromhex(to.removeprefix("0x")) + data).hex()


class CarrierClient:
    """A carrier of `deployment` at `url`: https, or http to this machine or an onion service.

    `address` is whom a fee must name. CarrierError if nothing answers, or for another deployment.
    """

    def __init__(self, url: str, deployment: Deployment, patience: float = PATIENCE):
        self.url, self.patience = url.rstrip("/"), patience
        host = _check_url(self.url)
        self._loop = _loop()
        self._http = httpx.AsyncClient(
            headers=HEADERS, timeout=REQUEST_SECONDS, follow_redirects=False, trust_env=host not in LOOPBACK,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),     # one would tie calls to each other
        )  # fmt: skip
        self.deployment = deployment
        self.refresh()

    def refresh(self) -> None:
        """Read its account and its fees as they are now; CarrierError as above."""
        info = self._ask("GET", "/info", deadline=0.0)
        try:
            address: str = info["carrier"]
            fees = {_word(asset): decimal(least, 1 << 128, "fee") for asset, least in info["fees"].items()}
            known = is_checksum_address(address)
            there = info["chain_id"], info["pool"]
        except (KeyError, TypeError, AttributeError, RangeError, ValueError):
            known = False
        if not known:
            raise CarrierError(f"what answers at {self.url} is no carrier: check the address")
        if there != (self.deployment.chain_id, self.deployment.contracts["Pool"]):
            raise CarrierError(f"the carrier at {self.url} serves another pool or chain: use one of this deployment")
        self.address, self.fees = address, fees

    def fee(self, asset: int) -> int:
        """The least fee, in base units, for a transact of `asset`; CarrierError if it carries none of it."""
        if asset not in self.fees:
            raise CarrierError(f"the carrier at {self.url} names no fee in {as_address(asset)}: use another carrier")
        return self.fees[asset]

    def carry(self, chain: Chain, call: Call) -> Receipt:
        """Have `call` sent, and wait until a block of `chain` holds it.

        Lost connections are tried again, which never sends twice. Reverted with the contract's reason
        if it would fail or did, CarrierError for a refusal of the carrier's own or after `patience`.
        """
        began = time.monotonic()
        deadline = began + self.patience
        contract = chain.contract(call.contract)
        data = contract.encode_abi(call.function, list(call.args))
        body = {"to": contract.address, "data": data}
        path = f"/carried/{carried_id(contract.address, bytes.fromhex(data[2:]))}"
        said = self._ask("POST", "/carry", body, deadline, call.function)
        while (receipt := self._landed(chain, call, body, said, began)) is None:
            if time.monotonic() > deadline:
                raise CarrierError(
                    f"{call.function}: no block took it in {self.patience:.0f} s. Nothing is lost: it may still land; "
                    "look before you try again, here or with another carrier"
                )
            time.sleep(POLL_SECONDS)
            # A carrier that knows it no more has lost its memory: the same words again do no harm.
            said = self._ask("GET", path, None, deadline) or self._ask("POST", "/carry", body, deadline, call.function)
        chain.on_receipt(receipt)
        return receipt

    def hand(self, chain: Chain, call: Call) -> str | None:
        """Have `call` sent, and wait for nothing; the transaction's hash, once it has one that our own node knows.

        Again is the same: it then tells what became of it. Reverted and CarrierError as for `carry`.
        """
        contract = chain.contract(call.contract)
        data = contract.encode_abi(call.function, list(call.args))
        path = f"/carried/{carried_id(contract.address, bytes.fromhex(data[2:]))}"
        body = {"to": contract.address, "data": data}
        said = self._ask("GET", path) or self._ask("POST", "/carry", body, name=call.function)
        if said.get("state") == "failed":
            said = self._ask("POST", "/carry", body, name=call.function)    # once more, if it would not fail now
            if said.get("state") == "failed":
                raise Reverted(call.function, _text(said.get("reason")))
        tx = said.get("transaction")
        if not isinstance(tx, str) or not HASH.fullmatch(tx):
            return None
        try:
            sent = chain.web3.eth.get_transaction(tx)
        except TransactionNotFound:
            return None
        if (sent["to"], sent["input"].to_0x_hex()) != (contract.address, data):
            raise CarrierError(f"the carrier at {self.url} names another transaction, {tx}: use another carrier")
        return tx

    def _landed(self, chain: Chain, call: Call, body: dict, said: dict, began: float) -> Receipt | None:
        """The receipt, once our own node has the transaction that the carrier names."""
        state, tx = said.get("state"), said.get("transaction")
        if state == "failed":
            raise Reverted(call.function, _text(said.get("reason")))
        if tx is None:
            return None
        if not isinstance(tx, str) or not HASH.fullmatch(tx):
            raise CarrierError(f"the carrier at {self.url} names no transaction: use another one")
        try:
            found = chain.web3.eth.get_transaction_receipt(tx)
            sent = chain.web3.eth.get_transaction(tx)
        except TransactionNotFound:
            return None
        if (found["to"], sent["input"].to_0x_hex()) != (body["to"], body["data"]):
            raise CarrierError(f"the carrier at {self.url} names another transaction, {tx}: use another carrier")
        if found["status"] != 1:
            return None     # it says why, or sends it again
        return Receipt(call.function, tx, found["blockNumber"], found["gasUsed"], time.monotonic() - began)

    def _ask(self, method: str, path: str, body: dict | None = None, deadline: float = 0.0, name: str = "") -> dict:
        """The JSON object of an answer, {} for what it does not know; tried until `deadline`."""
        while True:
            try:
                status, answer, wait = self._once(method, path, body)
            except httpx.HTTPError as error:
                status, answer, wait = 0, {"detail": f"it does not answer ({type(error).__name__})"}, RETRY_SECONDS
            if status in (200, 202):
                return answer
            if status == 404 and method == "GET" and path.startswith("/carried"):
                return {}
            if status not in (0, *AGAIN) or time.monotonic() + wait > deadline:
                raise self._refusal(status, answer, name)
            time.sleep(wait)

    def _once(self, method: str, path: str, body: dict | None) -> tuple[int, dict, float]:
        """(status, JSON object, seconds to wait) of one request."""
        return asyncio.run_coroutine_threadsafe(self._exchange(method, path, body), self._loop).result()

    async def _exchange(self, method: str, path: str, body: dict | None) -> tuple[int, dict, float]:
        content = b""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                async with self._http.stream(method, self.url + API + path, json=body) as response:
                    async for part in response.aiter_bytes():
                        content += part
                        if len(content) > ANSWER_BYTES:
                            raise CarrierError(f"the carrier at {self.url} answers with too much: use another one")
        except TimeoutError:
            raise httpx.ReadTimeout("the whole answer took too long") from None
        wait = response.headers.get("Retry-After", "1")
        seconds = min(int(wait), 60) if re.fullmatch("[0-9]{1,4}", wait) else 1
        try:
            answer = httpx.Response(200, content=content).json()
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            answer = {"detail": "its answer is not a JSON object"}
            return (response.status_code if response.status_code >= 300 else 500), answer, seconds
        return response.status_code, answer, max(seconds, 1)

    def _refusal(self, status: int, answer: dict, name: str) -> ChainError:
        if answer.get("reason") is not None and name:
            return Reverted(name, _text(answer["reason"]))
        what = f"{name}: " if name else ""
        remedy = "is its address right, and is it running?" if status == 0 else "mend that, or use another carrier"
        kind = CarrierSilent if status in (0, *AGAIN) else CarrierError
        return kind(f"{what}the carrier at {self.url} says: {_text(answer.get('detail'))}; {remedy}")


Carrier = LocalAccount | CarrierClient
"""Who sends what is private: an account of one's own, or a carrier's service."""


def send(chain: Chain, carrier: Carrier, call: Call) -> Receipt:
    """Send `call` by its carrier and wait until a block holds it."""
    if isinstance(carrier, CarrierClient):
        return carrier.carry(chain, call)
    return chain.send(carrier, call.on(chain))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Where every client of this process waits for answers: a loop, where a request can be ended at any point."""
    found = asyncio.new_event_loop()
    threading.Thread(target=found.run_forever, name="carriers", daemon=True).start()
    return found


def _check_url(url: str) -> str:
    """The host of a carrier's address; CarrierError where somebody on the way could read who asks for what."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    private = parts.scheme == "https" or parts.scheme == "http" and (host in LOOPBACK or host.endswith(".onion"))
    if not private or not host or parts.query or parts.username or parts.password:
        raise CarrierError(
            f"{url!r} is no carrier's address: give https://HOST, or http:// for this machine or an .onion service"
        )
    return host


def _word(asset: str) -> int:
    if not is_checksum_address(asset):
        raise ValueError("not an address")
    return int(asset, 16)


def _text(value: Any) -> str:
    """What a carrier wrote, fit for a terminal."""
    text = "".join(letter for letter in str(value) if letter.isprintable())
    return text[:TEXT] or "nothing"
