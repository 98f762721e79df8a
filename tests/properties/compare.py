"""The contracts' views beside the model's state."""

from tests.contracts import words
from tests.properties.deployed import Deployed
from tests.properties.evm import flat
from tests.properties.model import Model
from tests.properties.promises import Violation
from tests.properties.rules import Call

EPOCH = (
    "leader", "reveal_key_version", "reveal_key_x", "reveal_key_y", "auditor_version", "treasury_version", "live",
    "reveals", "commit_chain", "reveal_chain", "reference", "fixed", "void", "slashed", "released", "settled_block",
    "invalid_mask", "print_commitment", "printed", "price", "volume",
)  # fmt: skip


def same(what: str, seen: int | tuple[int, ...], expected) -> None:
    """`seen` in words; `expected` as the model has it."""
    words_ = tuple(flat(expected))
    if (seen if isinstance(seen, tuple) else (seen,)) != words_:
        raise Violation("agreement", f"{what} is {seen}, and {words_} in the model")


def compare(chain: Deployed, model: Model, call: Call | None) -> None:
    """All state, or only what stands close to a call."""
    everything = call is None
    pool(chain, model)
    if everything or call.contract in ("Market", "Relayers"):
        for account in model.s.relayers:
            relayer(chain, model, account)
    if everything:
        offices(chain, model)
        for market in range(len(model.s.markets)):
            terms(chain, model, market)
        for key in list(model.s.epochs)[-12:]:
            epoch(chain, model, *key)
        for nullifier in list(model.s.orders)[-40:]:
            order(chain, model, nullifier)
    elif call.contract == "Market" and call.function != "open_market":
        named = next((a for a in call.args if isinstance(a, dict)), None)
        key = (named["market"], named["epoch"]) if named else tuple(call.args[-4:-2] or call.args)
        epoch(chain, model, *(key if len(key) == 2 else call.args))
        if named and "quota_nullifier" in named:
            order(chain, model, named["quota_nullifier"])


def pool(chain: Deployed, model: Model) -> None:
    s = model.s
    for name in ("next_leaf", "next_chunk", "root", "paused"):
        same(f"Pool.{name}", chain.view("Pool", name), getattr(s, name))
    first = s.next_leaf - s.next_leaf % 64
    link = bytes(32)
    for position in range(first, s.next_leaf):
        link = words.chained(link, s.leaves[position])
    same("the open chunk's chain", chain.view("Pool", "chunk_chain", s.next_leaf // 64), link)
    for token in ("Base", "Quote", "Fee"):
        asset = chain.at[token]
        same(f"Pool.total of {token}", chain.view("Pool", "total", asset), s.total.get(asset, 0))
        held = chain.view(token, "balanceOf", chain.at["Pool"])
        same(f"the pool's {token}", held, model.balance(asset, chain.at["Pool"]))


def relayer(chain: Deployed, model: Model, account: str) -> None:
    r = model.s.relayers[account]
    same(f"stake of {account}", chain.view("Relayers", "stakes", account), (
        r.bonded, r.unbonding, r.withdraw_from, r.reserved
    ))  # fmt: skip
    same(f"keys of {account}", chain.view("Relayers", "key_version", account), len(r.keys))
    weight = chain.view("Relayers", "stake_at", account, model.s.block)
    same(f"weight of {account}", weight, model.weight(account, model.s.block))
    held = chain.view("Stake", "balanceOf", account)
    same(f"tokens of {account}", held, model.balance(chain.at["Stake"], account))


def offices(chain: Deployed, model: Model) -> None:
    s = model.s
    same("Credentials.issuer", chain.view("Credentials", "issuer"), s.issuer)
    same("Credentials.root", chain.view("Credentials", "root"), s.credential_root)
    same("Keys.versions", chain.view("Keys", "versions"), (len(s.auditors), len(s.treasuries)))
    same("Governor.admin", chain.view("Governor", "admin"), s.admin)
    same("Governor.pending_admin", chain.view("Governor", "pending_admin"), s.pending_admin)
    same("Governor.proposal_count", chain.view("Governor", "proposal_count"), len(s.proposals))
    same("Market.market_count", chain.view("Market", "market_count"), len(s.markets))
    price, block, time = s.observations[-1] if s.observations else (0, 0, 0)
    same("Oracle.latest", chain.view("Oracle", "latest"), (price, block))
    feeder = model.people["feeder_key"].address
    same("Oracle.observation", chain.view("Oracle", "observation", feeder), (price, time))
    staked = sum(r.bonded + r.unbonding for r in s.relayers.values())
    same("staked tokens", chain.view("Stake", "balanceOf", chain.at["Relayers"]), staked)
    for entry in s.treasuries:
        held = model.balance(chain.at["Stake"], entry["account"])
        same("the treasury's tokens", chain.view("Stake", "balanceOf", entry["account"]), held)


def terms(chain: Deployed, model: Model, market: int) -> None:
    same(f"terms of market {market}", chain.view("Market", "terms", market), model.s.markets[market])


def epoch(chain: Deployed, model: Model, market: int, number: int) -> None:
    if (market, number) not in model.s.epochs:
        return
    seen = dict(zip(EPOCH, chain.view("Market", "epochs", market, number), strict=True))
    record, reference = model.s.epochs[market, number], model.reference(market, number)
    reveal, auditor, treasury = record.versions
    price, volume = record.printed or (0, 0)
    key = model.s.relayers[record.leader].keys[reveal - 1][0]
    expected = {
        "leader": record.leader, "reveal_key_version": reveal, "auditor_version": auditor,
        "reveal_key_x": key[0], "reveal_key_y": key[1], "treasury_version": treasury,
        "live": record.live, "reveals": len(record.reveals), "reveal_chain": record.reveal_chain,
        "commit_chain": bytes(32) if record.settled else record.commit_chain, "slashed": record.slashed,
        "released": record.released, "settled_block": record.settled, "invalid_mask": record.mask,
        "print_commitment": record.print_commitment, "printed": record.printed is not None, "price": price,
        "volume": volume, "void": seen["fixed"] and reference is None,
        "reference": (reference or 0) if seen["fixed"] else 0,
    }  # fmt: skip
    if record.reveals:
        expected["fixed"] = True
    for name, value in expected.items():
        same(f"{name} of epoch {market}/{number}", seen[name], value)
    same(
        f"state of epoch {market}/{number}", chain.view("Market", "state", market, number), model.state(market, number)
    )


def order(chain: Deployed, model: Model, nullifier: int) -> None:
    o = model.s.orders.get(nullifier)
    if o is None:
        expected = bytes(32)
    elif o.reclaimed:
        expected = (1).to_bytes(32, "big")
    else:
        expected = words.chained(o.oc, o.rk, o.market, o.epoch, o.slot)
    same(f"record of order {nullifier:x}", chain.view("Market", "order_record", nullifier), expected)
