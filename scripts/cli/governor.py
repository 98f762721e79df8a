"""`shadowpool governor`: what a governor does to a deployment behind its timelock, and a guardian at once.

A key is registered off a file that its holder makes with `prove-key`, so that no secret changes hands.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from offchain import keystore
from offchain.calls import build_set_auditor
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
WORD = 1 << 256


def enact(call: ContractFunction, account_file: Path | None, as_json: bool) -> None:
    """Propose a call, wait the delay, execute it. A call that is refused now is Reverted, and not proposed."""
    here, governor = session(), account(account_file)
    here.chain.call(call, sender=here.deployment.contracts["Governor"])
    governance = Governance(here.chain, governor)
    (proposal,) = governance.propose(call)
    typer.echo(
        f"proposal {proposal.id} waits for block {proposal.ready}; if this is interrupted, "
        f"`shadowpool governor execute {proposal.id}` does the rest", err=True,
    )  # fmt: skip
    here.chain.wait_for(proposal.ready)
    show([receipt_row(receipt) for receipt in (proposal.receipt, governance.execute(proposal))], as_json)


def _stop(contract: Contract, name: str, account_file: Path | None, as_json: bool) -> None:
    """Send at once what a guardian may; from anyone else it is the governor's, behind the timelock."""
    here, who = session(), account(account_file)
    call = contract.functions[name]()
    if who.address != here.chain.call(contract.functions.guardian()):
        return enact(call, account_file, as_json)
    show([receipt_row(here.chain.send(who, call))], as_json)


@app.command()
def execute(
    proposal: Annotated[int, typer.Argument(help="Its number.")],
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Execute a proposal whose delay is over."""
    here = session()
    call = here.chain.contract("Governor").functions.execute(proposal)
    show(receipt_row(here.chain.send(account(account_file), call)), as_json)


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
def set_auditor(file: KeyFile, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Register the auditor's key for epochs that open from then on."""
    call = session().chain.contract("Keys").functions.set_auditor(*ProvenKey.load(file).arguments())
    enact(call, account_file, as_json)


@app.command("set-treasury")
def set_treasury(
    file: KeyFile,
    owner: Annotated[str, typer.Option(help="Owner word (decimal) of its notes, as `wallet address` shows it.")],
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Register the treasury's account, notes and key for epochs that open from then on."""
    arguments = ProvenKey.load(file).arguments(decimal(owner, WORD, "owner"))
    enact(session().chain.contract("Keys").functions.set_treasury(*arguments), account_file, as_json)


# --- Emergencies ---


@app.command()
def pause(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Stop deposits and commits, nothing else: at once as the guardian, behind the delay as the governor."""
    _stop(session().chain.contract("Pool"), "pause", account_file, as_json)


@app.command()
def unpause(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Allow deposits and commits again. For the governor."""
    enact(session().chain.contract("Pool").functions.unpause(), account_file, as_json)


@app.command()
def halt(market: MarketId = 0, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Take a market's reference price away, until `release`: at once as the guardian."""
    _stop(session().oracle(market), "halt", account_file, as_json)


@app.command()
def release(market: MarketId = 0, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """End a halt by hand: prices count again after the oracle's calm. For the governor."""
    enact(session().oracle(market).functions.release(), account_file, as_json)
