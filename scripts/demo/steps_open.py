"""Steps 1 and 2: deploy, open a market, bond relayers, register keys, admit institutions."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from offchain import keystore
from offchain.calls import build_set_auditor, build_set_treasury
from offchain.chain import Chain
from offchain.feeder import push
from offchain.governance import Governance
from offchain.issuer import Issued
from offchain.keys import from_wallet
from offchain.ledger import Ledger
from offchain.paths import ROOT
from offchain.wallet import Wallet
from relayer.leader import Leader
from scripts.demo import terms
from scripts.demo.world import EXPIRED, FEEDERS, RELAYERS, World, need, side_by_side
from scripts.deploy import deploy

YEAR = 365 * 24 * 3600
# Long enough to be admitted, over before the first commit.
SHORT_CREDENTIAL_SECONDS = 12


def deploy_contracts(world: World, rpc: str) -> None:
    """Deploy everything; the world's chain and ledger follow it from here on."""
    accounts = world.accounts
    with world.report.timed("deploy"):
        deployment = deploy(
            rpc,
            accounts["deployer"],
            governor=accounts["governor"].address,
            guardian=accounts["guardian"].address,
            issuer=accounts["issuer"].address,
            feeders=[accounts[name].address for name in FEEDERS],
        )
    deployment.save(world.folder / "deployment.json")
    world.chain = Chain(rpc, deployment)
    world.ledger = Ledger(world.chain)
    pool = deployment.contracts["Pool"]
    for who in world.institutions.values():
        who.key = from_wallet(who.account, deployment.chain_id, pool)
        # Its own ledger: every institution follows the chain itself.
        who.wallet = Wallet(world.chain, Ledger(world.chain), who.key, who.account)
    world.treasury_notes = from_wallet(accounts["treasury"], deployment.chain_id, pool)
    world.say.line(f"contracts deployed on chain {deployment.chain_id}, pool {pool}")


def offices(world: World, price: int) -> None:
    """What governor, relayers and feeder do before anyone trades, all at the same time."""
    side_by_side((govern, bond_relayers, lambda w: observe(w, price)), lambda step: step(world))


def govern(world: World) -> None:
    """The governor registers auditor and treasury and opens the market, through the timelock."""
    deployment = world.chain.deployment
    auditor, treasury = (world.accounts[name].address for name in ("auditor", "treasury"))
    registered = [
        build_set_auditor(deployment, world.auditor, auditor),
        build_set_treasury(deployment, world.treasury, treasury, world.treasury_notes.owner),
    ]
    opened = world.chain.contract("Market").functions.open_market(terms.market_terms(deployment, world.chain.head()))
    calls = [*(call.on(world.chain) for call in registered), opened]
    receipts = Governance(world.chain, world.accounts["governor"]).enact(calls)
    for receipt in receipts:
        world.sent(receipt.name, receipt)
    world.say.line("timelock: auditor key, treasury key and market BTC/USD, announced and then executed")


def bond_relayers(world: World) -> None:
    """Two relayers register, bond stake, and register a reveal key each."""
    side_by_side(RELAYERS, lambda name: _bond_relayer(world, name))


def _bond_relayer(world: World, name: str) -> None:
    account, token = world.accounts[name], world.chain.contract("StakeToken")
    world.chain.send(world.accounts["deployer"], token.functions.mint(account.address, terms.BONDS[name]))
    notes = from_wallet(account, world.chain.chain_id, world.chain.deployment.contracts["Pool"])
    folder = world.folder / "reveal-keys" / name
    leader = Leader(world.chain, Ledger(world.chain), account, notes, folder, world.password)
    world.sent("register relayer", leader.register())
    world.sent("bond stake", leader.bond(terms.BONDS[name]))
    world.sent("register reveal key", leader.register_key())
    world.leaders[account.address], world.leader_notes[account.address] = leader, notes
    world.say.line(f"relayer {name} bonded {terms.BONDS[name] // terms.STAKE} STAKE")


def observe(world: World, price: int) -> None:
    """Each feeder's price is carried to the oracle, where two of the three must agree."""
    for name in FEEDERS:
        receipt = push(world.chain, world.accounts[name], world.accounts["carrier"], price)
        world.sent("observe price", receipt)
    world.say.line(f"oracle: {len(FEEDERS)} feeders observe {price} quote units a lot")


def admit(world: World) -> None:
    """The issuer's command line admits the institutions, as its own process."""
    folder = world.folder / "issuer"
    folder.mkdir(parents=True, exist_ok=True)
    now = world.chain.timestamp(world.chain.head())
    admitted = [*world.members(), world.institutions[EXPIRED]]
    codes = list(terms.JURISDICTIONS.values())
    with (folder / "admit.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["name", "owner", "wallet", "jurisdiction", "tier", "expiry"])
        for index, who in enumerate(admitted):
            lasts = SHORT_CREDENTIAL_SECONDS if who.name == EXPIRED else YEAR
            row = [who.name, who.key.owner, who.account.address, codes[index % len(codes)], terms.TIER, now + lasts]
            table.writerow(row)
    with world.report.timed("issuer's command line"):
        answer = _issuer(world, folder)
    for who, row in zip(admitted, answer["admitted"], strict=True):
        need(row["name"] == who.name, "the issuer's answer is in another order than the request")
        who.credential = Issued.load(Path(row["file"]))
    world.say.line(f"issuer admitted {len(admitted)} institutions in {answer['transactions']} transactions")


def _issuer(world: World, folder: Path) -> dict:
    keyfile = folder / "issuer.json"
    keystore.save(keyfile, keystore.Kind.ACCOUNT, int(world.accounts["issuer"].key.hex(), 16), world.password)
    command = [
        sys.executable, "-m", "scripts.cli", "--rpc", world.chain.rpc_url,
        "--deployment", str(world.folder / "deployment.json"),
        "issuer", "batch", str(folder / "admit.csv"), "--book", str(folder / "book.json"),
        "--credentials", str(folder / "credentials"), "--account", str(keyfile), "--json",
    ]  # fmt: skip
    environment = os.environ | {keystore.PASSWORD_VARIABLE: world.password}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    need(done.returncode == 0, f"the issuer's command failed: {done.stderr.strip()}")
    return json.loads(done.stdout)
