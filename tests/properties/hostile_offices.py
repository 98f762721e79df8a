"""Attacks on offices, and by them: the timelock, the registries, stakes, keys, observations."""

from dataclasses import replace

from tests.properties.actors import Actors, account
from tests.properties.points import R
from tests.properties.rules import ZERO, Call
from tests.properties.vault import NO_LEAF


def intrude(a: Actors) -> Call:
    """Calls that only another contract or an office may make."""
    who, at = a.pick([*a.strangers, *a.leaders, a.s.admin]), a.model.at
    note = a.vault.note(at["Base"], 2**90, a.traders[0].owner, a.word())
    tree, root = a.pick(sorted(a.s.roots))
    calls = [
        ("Pool", "spend", [tree, root, tree, root, a.word(), a.word()]),
        ("Pool", "append", [[note.cm]]),
        ("Pool", "pause", []),
        ("Pool", "unpause", []),
        ("Relayers", "reserve", [1, a.s.block + 5]),
        ("Relayers", "release", [a.leaders[0]]),
        ("Relayers", "slash", [a.leaders[0], who]),
        ("Market", "open_market", [a.market_terms()]),
        ("Credentials", "admit_wallet", [who]),
        ("Credentials", "set_issuer", [who]),
        ("Credentials", "name_successor", [who]),
        ("Governor", "set_admin", [who]),
        ("Governor", "accept_admin", []),
    ]
    contract, function, args = a.pick(calls)
    return Call(contract, function, args, who, f"{function} by anyone")


def odd_office(a: Actors) -> Call:
    """Offices that overstep: the timelock, the registry's ranges, stakes, keys, observations."""
    at, governor, rng = a.model.at, a.model.at["Governor"], a.rng
    leader = a.pick(a.leaders)
    terms = a.market_terms(**a.pick([
        {"fee_bps": 1001}, {"bond_bps": 10_001}, {"quote": at["Base"]}, {"capacity": 65}, {"capacity": 0},
        {"freeze_blocks": 0}, {"start_block": a.s.block}, {"lot": 0}, {"lot": 2**64}, {"tier": 256}, {"quota": 0},
        {"source": account("no code")}, {"jurisdictions": 0}, {"max_age": 2**32}, {"source": at["Base"]},
    ]))  # fmt: skip
    root = a.vault.book((*a.book(), a.leaf(a.traders[0])))
    made = [
        lambda: Call("Governor", "execute", [rng.randrange(len(a.s.proposals) + 2)], a.s.admin, "execute any"),
        lambda: Call(
            "Governor",
            "cancel",
            [rng.randrange(len(a.s.proposals) + 2)],
            a.pick([a.s.admin, a.stranger()]),
            "cancel any",
        ),
        lambda: replace(a.propose(Call("Pool", "unpause", [], governor, "x")), sender=a.stranger()),
        lambda: a.propose(Call("Market", "open_market", [terms], governor, "odd market")),
        lambda: a.propose(Call("Pool", "advance", a.advance().args, governor, "advance")),
        lambda: Call(
            "Governor", "propose", [account("no code"), Call("Pool", "pause", [], governor)], a.s.admin, "no code"
        ),
        lambda: Call("Credentials", "set_leaves", [2**20 - 1, [5, 6], root, True], a.s.issuer, "past the end"),
        lambda: Call("Credentials", "set_leaves", [3, [R], root, True], a.s.issuer, "leaf r"),
        lambda: Call(
            "Credentials", "set_leaves", [3, [NO_LEAF.word], a.pick([0, R, R + 5]), True], a.s.issuer, "root r"
        ),
        lambda: Call(
            "Relayers", "register", [a.pick([0, R, a.word()])], a.pick([leader, a.stranger()]), "register again"
        ),
        lambda: Call("Relayers", "bond", [a.pick([0, 1, 2**120, 2**119])], leader, "bond any"),
        lambda: Call("Relayers", "bond", [2000], a.stranger(), "bond unregistered"),
        lambda: Call("Relayers", "unbond", [a.pick([0, 2**100, 1])], a.pick([leader, a.stranger()]), "unbond any"),
        lambda: replace(
            a.key(leader), sender=a.pick(who for who in a.leaders if who != leader), label="key of another"
        ),
        lambda: a.key(a.stranger()),
        lambda: a.push(price=a.pick([2**64, 2**64 - 1, 1])),
        lambda: a.push(time=a.s.time + a.pick([30, 31, 4000, -3600, -3601, -100])),
        lambda: Call(
            "Oracle",
            "push",
            [5, a.s.time, *next(a.signers).sign(a.model.observation_hash(5, a.s.time))],
            a.stranger(),
            "push of another",
        ),
        lambda: Call("Credentials", "drop_wallet", [account("nobody")], a.s.issuer, "drop nobody"),
        lambda: Call("Credentials", "admit_wallet", [ZERO], a.s.issuer, "admit zero"),
        lambda: a.propose(replace(a.auditor_call(account("auditor 2")), sender=governor)),
    ]
    return a.pick(made)()
