"""A venue made ready for a trial: contracts, offices, bonded relayers, admitted and funded institutions.

The world is the demonstration's; its institutions share one ledger, so that many of them cost no more
of the machine than one.
"""

from pathlib import Path

from eth_account import Account

from offchain.calls import build_set_auditor, build_set_treasury
from offchain.governance import Governance
from offchain.issuer import Issuer
from offchain.keys import from_wallet
from offchain.ledger import Ledger
from offchain.wallet import Wallet
from relayer.leader import Leader
from scripts.demo import steps_open, terms
from scripts.demo.narration import Narrator
from scripts.demo.world import EXPIRED, WITHOUT_CREDENTIAL, Institution, World, new_world, side_by_side

PRICE = 2_360_000
"""The reference price, in quote units a lot."""

DEPOSIT = {"BTC": 2 * 10**12, "USD": 2 * 10**15}
"""Base units that one deposit brings, in two notes."""

AHEAD_BLOCKS = 30
"""From a market's announcement to its first block: the timelock needs some six, and a busy machine more."""

YEAR = 365 * 24 * 3600


def new(folder: Path, validators: int, relayers: tuple[str, ...], say: Narrator) -> World:
    """A world in an empty `folder` with accounts for `relayers`; nothing runs yet."""
    (folder / "world").mkdir(parents=True)
    world = new_world(folder / "world", validators, say)
    world.accounts |= {name: Account.create() for name in relayers}
    for name in (WITHOUT_CREDENTIAL, EXPIRED):
        del world.institutions[name]
    return world


def deploy(world: World, rpc: str, relayers: tuple[str, ...], stake: int) -> None:
    """Deploy, take the offices, bond `stake` for each relayer, admit everyone, observe a price."""
    steps_open.deploy_contracts(world, rpc)
    for who in world.institutions.values():
        who.wallet = Wallet(world.chain, world.ledger, who.key, who.account)
    world.say.line(f"{len(relayers)} relayers bond, {len(world.institutions)} institutions are admitted")
    steps = [_offices, _admit, lambda one: steps_open.observe(one, PRICE)]
    steps += [lambda one, name=name: _bond(one, name, stake) for name in relayers]
    side_by_side(steps, lambda step: step(world))
    world.sync()


def market_terms(world: World, start: int, **overrides) -> dict:
    """The demonstration's terms from block `start` on, but for `overrides`, which name every window's length."""
    return terms.market_terms(world.chain.deployment, start) | {"start_block": start} | overrides


def open_market(world: World, **overrides) -> int:
    """Open a market that starts AHEAD_BLOCKS after the head, by the timelock; its first block."""
    start = world.chain.head() + AHEAD_BLOCKS
    call = world.chain.contract("Market").functions.open_market(market_terms(world, start, **overrides))
    receipts = Governance(world.chain, world.accounts["governor"]).enact([call])
    world.last_block = max(world.last_block, *(receipt.block for receipt in receipts))
    world.sync()
    return start


def endow(world: World, who: Institution, deposits: int) -> None:
    """Give a trader the test tokens of so many deposits of each token, and let the pool take them."""
    chain, pending = world.chain, []
    for token, amount in DEPOSIT.items():
        functions = chain.token(chain.deployment.tokens[token].address).functions
        pending.append(chain.submit(world.accounts["deployer"], functions.mint(who.account.address, deposits * amount)))
        approval = functions.approve(chain.deployment.contracts["Pool"], deposits * amount)
        pending.append(chain.submit(who.account, approval))
    for sent in pending:
        world.last_block = max(world.last_block, chain.receipt(sent).block)


def deposit(world: World, who: Institution, token: str) -> None:
    """One deposit as two notes, with its proof."""
    receipt = who.wallet.deposit(world.chain.deployment.asset(token), DEPOSIT[token], notes=2)
    world.sent("deposit", receipt, who.name)


def fund(world: World, deposits: int) -> None:
    """So many deposits of each token for every institution, in the tree at the end."""

    def one(who: Institution) -> None:
        endow(world, who, deposits)
        for token in DEPOSIT:
            for _ in range(deposits):
                deposit(world, who, token)

    side_by_side(world.members(), one)
    world.say.line(f"{2 * deposits * len(world.members())} deposits are proven and made")
    world.advance_tree()


def _offices(world: World) -> None:
    deployment = world.chain.deployment
    auditor, treasury = (world.accounts[name].address for name in ("auditor", "treasury"))
    calls = [
        build_set_auditor(deployment, world.auditor, auditor),
        build_set_treasury(deployment, world.treasury, treasury, world.treasury_notes.owner),
    ]
    Governance(world.chain, world.accounts["governor"]).enact([call.on(world.chain) for call in calls])


def _bond(world: World, name: str, stake: int) -> None:
    account, token = world.accounts[name], world.chain.contract("StakeToken")
    world.chain.send(world.accounts["deployer"], token.functions.mint(account.address, stake))
    notes = from_wallet(account, world.chain.chain_id, world.chain.deployment.contracts["Pool"])
    folder = world.folder / "reveal-keys" / name
    leader = Leader(world.chain, Ledger(world.chain), account, notes, folder, world.password)
    leader.register()
    leader.bond(stake)
    leader.register_key()
    world.leaders[account.address], world.leader_notes[account.address] = leader, notes


def _admit(world: World) -> None:
    issuer = Issuer(world.chain, world.accounts["issuer"], world.folder / "book.json")
    expiry = world.chain.timestamp(world.chain.head()) + YEAR
    codes = list(terms.JURISDICTIONS.values())
    for index, who in enumerate(world.members()):
        code = codes[index % len(codes)]
        who.credential = issuer.admit(who.name, who.key.owner, who.account.address, code, terms.TIER, expiry)
    issuer.publish()
