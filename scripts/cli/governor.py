"""`shadowpool governor`: what a governor does to a deployment behind its timelock, and a guardian at once.

A key is registered off a file that its holder makes with `prove-key`, so that no secret changes hands.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception

from offchain import keystore
from offchain.calls import build_set_auditor
from offchain.chain import Chain, ChainError, calldata
from offchain.deployment import write_atomically
from offchain.field import decimal
from offchain.governance import Governance
from scripts.cli.common import (
    AccountFile,
    AsJson,
    CommandError,
    MarketId,
    account,
    checked_address,
    receipt_row,
    session,
    show,
)

app = typer.Typer(no_args_is_help=True, help="The governor's acts behind its timelock, and the guardian's.")

KeyFile = Annotated[Path, typer.Argument(help="What the key's holder made with `governor prove-key`.")]
Printed = Annotated[
    bool, typer.Option("--print", help="Send nothing: show the transaction of the governor, for a multisig to send.")
]
WORD = 1 << 256
BLOCK_SECONDS = 12
"""At most so long between two looks at the head: a production delay is a day of blocks."""


def govern(call: ContractFunction, account_file: Path | None, printed: bool, as_json: bool) -> None:
    """Have the governor make a call, or show how to. A call that is refused now is Reverted, and not proposed."""
    if not printed:
        return _enact(call, account(account_file), as_json)
    _check(call)
    propose = session().chain.contract("Governor").functions.propose(call.address, calldata(call))
    then = "`shadowpool governor proposals` gives its number; once it is ready, `shadowpool governor execute --print`"
    shown = _transaction(propose) | {"proposes": call.fn_name, "target": call.address, "call": calldata(call)}
    show(shown | {"then": then}, as_json)


def _transaction(call: ContractFunction) -> dict:
    return {"to": call.address, "data": calldata(call)}


def _check(call: ContractFunction) -> None:
    """Reverted if the call is refused now, though it comes from the timelock."""
    session().chain.call(call, sender=session().deployment.contracts["Governor"])


def _enact(call: ContractFunction, governor: LocalAccount, as_json: bool) -> None:
    """Propose a call, wait the delay, execute it."""
    here = session()
    _check(call)
    governance = Governance(here.chain, governor)
    (proposal,) = governance.propose(call)
    typer.echo(
        f"proposal {proposal.id} waits for block {proposal.ready}; if this is interrupted, "
        f"`shadowpool governor execute {proposal.id}` does the rest", err=True,
    )  # fmt: skip
    _wait(here.chain, proposal.ready)
    show([receipt_row(receipt) for receipt in (proposal.receipt, governance.execute(proposal))], as_json)


def _wait(chain: Chain, block: int) -> None:
    """Wait until the head is `block`, at about its pace. A node that fails meanwhile is told of once, and asked on."""
    left, told = BLOCK_SECONDS, False
    while left > 0:
        try:
            left = block - chain.head()
        except (ChainError, Web3Exception) as error:
            if not told:
                typer.echo(f"the node fails, and is asked on: {error}", err=True)
            told = True
        time.sleep(min(max(left, 0), BLOCK_SECONDS))


def _stop(contract: Contract, name: str, account_file: Path | None, printed: bool, as_json: bool) -> None:
    """Send at once what a guardian may; from anyone else it is the governor's, behind the timelock."""
    call = contract.functions[name]()
    if printed:
        return govern(call, None, printed, as_json)
    here, who = session(), account(account_file)
    if who.address != here.chain.call(contract.functions.guardian()):
        return _enact(call, who, as_json)
    show([receipt_row(here.chain.send(who, call))], as_json)


@app.command()
def execute(
    proposal: Annotated[int, typer.Argument(help="Its number.")],
    account_file: AccountFile = None,
    printed: Printed = False,
    as_json: AsJson = False,
) -> None:
    """Execute a proposal whose delay is over."""
    here = session()
    call = here.chain.contract("Governor").functions.execute(proposal)
    show(_transaction(call) if printed else receipt_row(here.chain.send(account(account_file), call)), as_json)


@app.command()
def proposals(as_json: AsJson = False) -> None:
    """Every proposal: what it calls, from which block it may be executed, and whether it is done with."""
    chain = session().chain
    governor, head, rows = chain.contract("Governor").functions, chain.head(), []
    for number in range(chain.call(governor.proposal_count())):
        found = chain.call(governor.proposals(number))
        state = "executed or cancelled" if found.ready == 0 else "ready" if head >= found.ready else "waits"
        shown = {"number": number, "target": found.target, "function": _function(chain, found.target, found.data)}
        rows.append(shown | {"ready block": found.ready or None, "state": state})
    show(rows, as_json)


def _function(chain: Chain, target: str, data: bytes) -> str | None:
    """The function that a call is of, if it is one of the deployment's contracts."""
    for name in (name for name, address in chain.deployment.contracts.items() if address == target):
        try:
            return f"{name}.{chain.contract(name).decode_function_input(data)[0].fn_name}"
        except (ValueError, Web3Exception):     # no function of it
            return None
    return None


# --- Keys ---


@dataclass(frozen=True)
class ProvenKey:
    """A public key with the proof that `account` holds its secret, as `Keys` takes them; a file without secrets."""

    account: str
    x: str
    y: str
    proof: list[str]
    digest: str

    @classmethod
    def load(cls, file: Path) -> "ProvenKey":
        """CommandError unless every word is one; whether the proof holds is for the contract to say."""
        try:
            found = cls(**json.loads(file.read_text()))
            checked_address("account", found.account)
            if not isinstance(found.proof, list) or len(found.proof) != 8:
                raise ValueError("a proof has eight words")
            for word in (found.x, found.y, found.digest, *found.proof):
                decimal(word, WORD)
            return found
        except (TypeError, ValueError) as error:
            raise CommandError(f"{file} is not a file of `shadowpool governor prove-key`: {error}") from None

    def arguments(self, *owner: int) -> tuple:
        """Those of `set_auditor`, or with the owner of its notes of `set_treasury`."""
        return self.account, *owner, int(self.x), int(self.y), [int(word) for word in self.proof], int(self.digest)


@app.command("prove-key")
def prove_key(
    file: Annotated[Path, typer.Argument(help="The file to write, for the governor: it holds no secret.")],
    key: Annotated[Path, typer.Option(help="Keystore of the key, as `auditor new-key` makes one.")],
    holder: Annotated[str, typer.Option(help="Account of the holder; to the treasury's, slashed stake goes.")],
    as_json: AsJson = False,
) -> None:
    """For the auditor and the treasury: prove that this account holds a key, for the governor to register."""
    secret = keystore.encryption(key, keystore.password())
    call = build_set_auditor(session().deployment, secret, checked_address("holder", holder))
    account_, x, y, proof, digest = call.args
    proven = ProvenKey(account_, str(x), str(y), [str(word) for word in proof], str(digest))
    write_atomically(file, json.dumps(asdict(proven), indent=2) + "\n")
    show({"file": str(file), "account": account_, "x": proven.x, "y": proven.y}, as_json)


@app.command("set-auditor")
def set_auditor(
    file: KeyFile, account_file: AccountFile = None, printed: Printed = False, as_json: AsJson = False
) -> None:
    """Register the auditor's key for epochs that open from then on."""
    call = session().chain.contract("Keys").functions.set_auditor(*ProvenKey.load(file).arguments())
    govern(call, account_file, printed, as_json)


@app.command("set-treasury")
def set_treasury(
    file: KeyFile,
    owner: Annotated[str, typer.Option(help="Owner word (decimal) of its notes, as `wallet address` shows it.")],
    account_file: AccountFile = None,
    printed: Printed = False,
    as_json: AsJson = False,
) -> None:
    """Register the treasury's account, notes and key for epochs that open from then on."""
    arguments = ProvenKey.load(file).arguments(decimal(owner, WORD, "owner"))
    govern(session().chain.contract("Keys").functions.set_treasury(*arguments), account_file, printed, as_json)


# --- Emergencies ---


@app.command()
def pause(account_file: AccountFile = None, printed: Printed = False, as_json: AsJson = False) -> None:
    """Stop deposits and commits, nothing else: at once as the guardian, behind the delay as the governor."""
    _stop(session().chain.contract("Pool"), "pause", account_file, printed, as_json)


@app.command()
def unpause(account_file: AccountFile = None, printed: Printed = False, as_json: AsJson = False) -> None:
    """Allow deposits and commits again. For the governor."""
    govern(session().chain.contract("Pool").functions.unpause(), account_file, printed, as_json)


@app.command()
def halt(
    market: MarketId = 0, account_file: AccountFile = None, printed: Printed = False, as_json: AsJson = False
) -> None:
    """Take a market's reference price away, until `release`: at once as the guardian."""
    _stop(session().oracle(market), "halt", account_file, printed, as_json)


@app.command()
def release(
    market: MarketId = 0, account_file: AccountFile = None, printed: Printed = False, as_json: AsJson = False
) -> None:
    """End a halt by hand: prices count again after the oracle's calm. For the governor."""
    govern(session().oracle(market).functions.release(), account_file, printed, as_json)
