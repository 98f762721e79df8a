"""Raw calldata against every contract: a clean revert, or a call that anyone may make.

The contracts are those of the property tests, on the same EVM; the circuits' verifiers are
stand-ins there, so the real one is called beside them. A function that is not a view must
refuse a stranger, unless it stands in OPEN.
"""

from random import Random

from eth_abi import encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from offchain.babyjubjub import mul_base
from offchain.circuits import load
from scripts import contracts
from scripts.deploy import UNBOUNDED
from tests.fuzz.mutate import R, survey
from tests.properties.deployed import DELAY, Deployed, prove
from tests.properties.evm import Reverted

ROLES = ("admin", "guardian", "issuer", "feeder")
PEOPLE = {name: "0x" + f"{place:02x}" * 20 for place, name in enumerate(ROLES, 0xA1)}
STRANGER, TRADER = "0x" + "77" * 20, "0x" + "88" * 20
NAMES = ("Pool", "Market", "Relayers", "Keys", "Credentials", "Oracle", "Governor", "Verifier")
# Anyone may enter as a relayer, with no stake yet; the rest needs a proof, a role or tokens.
OPEN = {"register"}
EDGES = (
    0, 1, 2, 31, 32, 33, 64, 2**31, 2**32, 2**63, 2**64 - 1, 2**64, 2**128,
    2**160 - 1, 2**160, R - 1, R, 2**255, 2**256 - 1,
)  # fmt: skip


def number(rng: Random) -> int:
    if (kind := rng.random()) < 0.35:
        return int(kind * 6)  # 0 or 1 mostly: ids, epochs, positions that exist
    return rng.choice(EDGES) if kind < 0.7 else rng.getrandbits(rng.choice((8, 64, 160, 253, 256)))


class Target:
    """One deployed contract and well-formed calls of its functions."""

    def __init__(self, name: str, address: str, abi: list[dict]):
        self.name, self.address = name, address
        self.functions = [entry for entry in abi if entry["type"] == "function"]
        self.types = {e["name"]: [collapse_if_tuple(i) for i in e["inputs"]] for e in self.functions}
        self.selectors = {n: keccak(text=f"{n}({','.join(t)})")[:4] for n, t in self.types.items()}
        self.by_selector = {self.selectors[e["name"]]: e for e in self.functions}

    def calldata(self, rng: Random, known: list[int]) -> bytes:
        name = rng.choice(list(self.types))
        if rng.random() < 0.1:
            return self.selectors[name] + rng.randbytes(rng.randrange(700))
        words = [argument(rng, entry, known) for entry in self.entry(name)["inputs"]]
        data = bytearray(self.selectors[name] + encode(self.types[name], words))
        if rng.random() < 0.6:
            spoil(rng, data)
        return bytes(data)

    def entry(self, name: str) -> dict:
        return self.by_selector[self.selectors[name]]


def argument(rng: Random, entry: dict, known: list[int]):
    """A value of an ABI type: often one that the contracts know."""
    kind = entry["type"]
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [argument(rng, {**entry, "type": inner}, known) for _ in range(int(size or rng.choice((0, 1, 2, 8))))]
    if kind == "tuple":
        return tuple(argument(rng, part, known) for part in entry["components"])
    if kind == "address":
        return (rng.choice(known) if rng.random() < 0.8 else number(rng) % 2**160).to_bytes(20, "big")
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "bytes":
        return rng.randbytes(rng.randrange(100))
    if kind == "bytes32":
        return rng.randbytes(32)
    return number(rng) % 2 ** int(kind.removeprefix("uint"))


def spoil(rng: Random, data: bytearray) -> None:
    """Lengths, offsets and words changed, the end cut off or more put there."""
    kind = rng.randrange(4)
    words = (len(data) - 4) // 32
    if kind == 0:
        del data[rng.randrange(len(data)) :]
    elif kind == 1:
        data += rng.randbytes(rng.randrange(100))
    elif words:
        for _ in range(rng.randrange(1, 4)):
            at = 4 + 32 * rng.randrange(words)
            data[at : at + 32] = number(rng).to_bytes(32, "big")


class Field:
    """The deployment, with one open market, and contracts beside it whose roles are plain accounts."""

    def __init__(self):
        self.deployed = made = Deployed(PEOPLE)
        self.evm, at = made.evm, made.at
        self.evm.move_to(100, 1_700_000_100)
        registry = made.interface_of[at["Credentials"]]
        self.evm.call(PEOPLE["issuer"], at["Credentials"], registry.encode("admit_wallet", TRADER))
        self._lead(PEOPLE["feeder"])
        market = {
            "base": at["Base"], "quote": at["Quote"], "lot": 10**6, "min_quantity": 5, "fee_bps": 25, "bond_bps": 300,
            "jurisdictions": 1, "tier": 0, "start_block": 120, "commit_blocks": 30, "freeze_blocks": 4,
            "reveal_blocks": 24, "settle_blocks": 30, "capacity": 8, "quota": 3, "split_bps": 6000, "deferral": 20,
            "source": at["Oracle"], "max_age": 2000, "collar_bps": 1500,
        }  # fmt: skip
        self._govern("Market", "open_market", tuple(market.values()))
        self.evm.move_to(130, 1_700_000_130)
        self.targets = [self._target(name, name, at[name]) for name in NAMES if name in at]
        verifier, role = self._create("Verifier", list(load("print").verification_key)), PEOPLE["guardian"]
        self.targets += [
            self._target("Verifier", "Verifier", verifier),
            self._beside("Pool", role, at["Credentials"], at["transact"], at["advance"], role, role),
            self._beside("Keys", at["Pool"], verifier, role),
            self._beside("Relayers", role, at["Pool"], at["Stake"], verifier, at["Keys"], 1000, 100, 40, 5, 150),
            self._beside("Credentials", role, role),
            self._beside("Oracle", [role], UNBOUNDED.words(1), role, role),
            self._beside("Governor", role, 1),
        ]
        people = [STRANGER, TRADER, *PEOPLE.values()]
        self.known = [int(address, 16) for address in (*at.values(), *people)]
        self.senders = [STRANGER] * 3 + people

    def _lead(self, relayer: str) -> None:
        """Give the account stake and a reveal key, and both keys of governance."""
        at, key = self.deployed.at, [int(word) for word in mul_base(5)]
        made = self.deployed.interface_of
        proof = prove("key", [*key, int(relayer, 16)], at["Pool"])
        calls = [
            (self.deployed.deployer, "Stake", "mint", relayer, 10**6),
            (relayer, "Stake", "approve", at["Relayers"], 10**6),
            (relayer, "Relayers", "register", 7),
            (relayer, "Relayers", "bond", 10**5),
            (relayer, "Relayers", "register_key", *proof, *key),
        ]
        for sender, name, function, *arguments in calls:
            self.evm.call(sender, at[name], made[at[name]].encode(function, *arguments))
        self._govern("Keys", "set_auditor", relayer, *key, *proof)
        self._govern("Keys", "set_treasury", relayer, 7, *key, *proof)

    def _govern(self, name: str, function: str, *arguments) -> None:
        governor, target = self.deployed.at["Governor"], self.deployed.at[name]
        calls = self.deployed.interface_of[governor]
        data = self.deployed.interface_of[target].encode(function, *arguments)
        proposal = self.deployed.view("Governor", "proposal_count")
        self.evm.call(PEOPLE["admin"], governor, calls.encode("propose", target, data))
        self.evm.move_to(self.evm.block + DELAY, self.evm.time + DELAY)
        self.evm.call(PEOPLE["admin"], governor, calls.encode("execute", proposal))

    def _create(self, kind: str, *arguments) -> str:
        artifact = contracts.load(kind)
        constructor = next(entry for entry in artifact["abi"] if entry["type"] == "constructor")
        types = [collapse_if_tuple(entry) for entry in constructor["inputs"]]
        code = bytes.fromhex(artifact["bytecode"][2:]) + encode(types, arguments)
        return self.evm.deploy(self.deployed.deployer, code)

    def _target(self, name: str, kind: str, address: str) -> Target:
        return Target(name, address, contracts.load(kind)["abi"])

    def _beside(self, kind: str, *arguments) -> Target:
        return self._target(f"{kind} of accounts", kind, self._create(kind, *arguments))


def test_raw_calldata():
    field = Field()
    mark, reasons, reached = field.evm.snapshot(), set(), set()

    def one(rng: Random) -> bool:
        nonlocal mark
        target, sender = rng.choice(field.targets), rng.choice(field.senders)
        data = target.calldata(rng, field.known)
        try:
            field.evm.call(sender, target.address, data)
        except Reverted as refusal:
            reasons.add(str(refusal))
            return False
        entry = target.by_selector[data[:4]]
        if entry["stateMutability"] not in ("view", "pure"):
            reached.add((target.name, entry["name"]))
            allowed = sender != STRANGER or entry["name"] in OPEN
            assert allowed, f"a stranger did {target.name}.{entry['name']}: {data.hex()}"
            field.evm.revert(mark)
            mark = field.evm.snapshot()
        return True

    survey("calldata", one)
    assert len(reasons) > 40 and len(reached) > 10, "the calls do not reach far"
