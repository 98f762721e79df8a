"""Calldata that a carrier takes: four functions of the deployment, in their one spelling.

What is read here is what is sent: every type is static and `offchain.abi` reads canonical encodings
only, so what was decoded encodes to the same bytes. Every word must be in an honest wallet's range.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils import to_checksum_address
from eth_utils.abi import collapse_if_tuple

from offchain import contracts
from offchain.abi import ABIError, Tuple
from offchain.calls import Call
from offchain.carrier import carried_id
from offchain.deployment import Deployment
from offchain.field import R, RangeError, check_range, keccak256
from offchain.keys import SECP256K1_ORDER
from offchain.prover import Q

KINDS = {"commit": "Market", "reveal": "Market", "reclaim": "Market", "transact": "Pool"}
"""The functions carried, with their contract."""

_WORD = 1 << 64
_AMOUNT = 1 << 128
BOUNDS = {
    "proof": (0, Q),
    "market": (0, _WORD), "epoch": (0, _WORD), "time": (0, _WORD), "slot": (0, 1 << 16),
    "tree0": (0, _WORD), "tree1": (0, _WORD),
    "deposit": (0, _AMOUNT), "withdrawal": (0, _AMOUNT), "fee": (0, _AMOUNT),
    "v": (27, 29), "sig_r": (1, SECP256K1_ORDER), "sig_s": (1, SECP256K1_ORDER // 2 + 1),  # one spelling (EIP-2)
}  # fmt: skip
"""[low, high) by parameter or field; every other number is a field element."""


class Refusal(Exception):
    """The carrier does not carry it. `slug` names the kind of refusal, the text says why and what to do."""

    def __init__(self, slug: str, detail: str, retry_after: float = 0.0):
        super().__init__(detail)
        self.slug, self.detail, self.retry_after = slug, detail, retry_after


@dataclass(frozen=True)
class Carried:
    """Calldata as read: `kind` a function of KINDS, `words` its struct by field name."""

    kind: str
    to: str
    data: bytes
    call: Call
    words: dict[str, Any]

    @cached_property
    def id(self) -> str:
        """What names it to its sender: a hash of target and calldata."""
        return carried_id(self.to, self.data)

    @property
    def claims(self) -> tuple[tuple[str, int], ...]:
        """What only one transaction can use up: notes by nullifier, an order by its quota nullifier."""
        notes = [("note", self.words[name]) for name in ("nf0", "nf1") if name in self.words]
        return *notes, *([("order", self.words["quota_nullifier"])] if "quota_nullifier" in self.words else [])


class Reader:
    """Reads the calldata of one deployment."""

    def __init__(self, deployment: Deployment):
        self._functions = {}
        for kind, contract in KINDS.items():
            function = _Function(contract, kind)
            self._functions[deployment.contracts[contract], function.selector] = function

    def read(self, to: str, data: bytes) -> Carried:
        """Refusal `unknown-function`, `malformed` or `out-of-range` for whatever is not carried."""
        function = self._functions.get((to_checksum_address(to), data[:4]))
        if function is None:
            known = "Market.commit, reveal and reclaim and Pool.transact of this deployment"
            raise Refusal("unknown-function", f"only {known} are carried")
        args = function.read(data)
        words = next(arg for arg in args if isinstance(arg, dict))
        call = Call(function.contract, function.name, args)
        return Carried(function.name, to_checksum_address(to), data, call, words)


class _Function:
    """A function of static types, by its ABI."""

    def __init__(self, contract: str, name: str):
        self.contract, self.name = contract, name
        abi = contracts.artifact(contract).abi
        self._inputs = next(entry for entry in abi if entry["type"] == "function" and entry["name"] == name)["inputs"]
        self._values = Tuple(self._inputs)
        types = ",".join(collapse_if_tuple(part) for part in self._inputs)
        self.selector = keccak256(f"{name}({types})".encode())[:4]

    def read(self, data: bytes) -> tuple[Any, ...]:
        """The arguments, structs as dicts; Refusal unless `data` is their one encoding and each in range."""
        try:
            values = self._values.read(data[4:])
        except ABIError:
            raise Refusal("malformed", f"the calldata is not the ABI encoding of {self.contract}.{self.name}") from None
        try:
            for part, value in zip(self._inputs, values):
                _check(part["name"], value)
        except RangeError as error:
            raise Refusal("out-of-range", f"{self.contract}.{self.name}: {error}") from None
        return tuple(values)


def _check(name: str, value: Any) -> None:
    """RangeError unless every number in an argument is in its bounds."""
    if isinstance(value, dict):
        for field, inner in value.items():
            _check(field, inner)
    elif isinstance(value, list):
        for inner in value:
            _check(name, inner)
    elif isinstance(value, int):
        check_range(value, *BOUNDS.get(name, (0, R)), name)
