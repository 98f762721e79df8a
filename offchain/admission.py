"""What is checked before an order is proven, so that a refusal costs nothing (protocol P3)."""

from offchain.babyjubjub import Point
from offchain.chain import Chain
from offchain.issuer import Issued
from offchain.ledger import Diverged, Ledger
from offchain.notes import AMOUNT_BITS, Terms
from offchain.records import EpochRecord, MarketTerms


class Refused(Exception):
    """The order would be refused; the message says why and what to do."""


class NoCredential(Refused):
    """The trader holds no credential that the issuer's tree has."""


class IssuerFault(Refused):
    """The issuer published a root that nothing can be proven against."""


class CredentialExpired(Refused):
    """The credential does not outlast the commit."""


class NotAdmitted(Refused):
    """The market does not admit the credential, or not the order's terms."""


class WindowClosed(Refused):
    """The epoch's window is not open now."""


class EpochFull(Refused):
    """The epoch has no place left."""


class QuotaUsed(Refused):
    """The credential has used its orders of this epoch."""


class Paused(Refused):
    """Deposits and commits are paused."""


class UnknownMarket(Refused):
    """No market of this id is known."""


class OrderRefused(Refused):
    """An order cannot be revealed or reclaimed as things stand."""


def market_terms(ledger: Ledger, market: int) -> MarketTerms:
    if market not in ledger.markets:
        raise UnknownMarket(f"no market {market} up to block {ledger.block}; known: {sorted(ledger.markets)}")
    return ledger.markets[market]


def check_not_paused(chain: Chain) -> None:
    if chain.call(chain.contract("Pool").functions.paused()):
        raise Paused("deposits and commits are paused; withdrawals and reclaims are not")


def check_window(head: int, first: int, end: int, what: str) -> None:
    """A transaction sent now is mined in block head + 1 at the earliest: [first, end) must hold it."""
    if head < first:
        raise WindowClosed(f"the {what} window opens at block {first}; the chain is at {head}")
    if head + 1 >= end:
        raise WindowClosed(f"the {what} window closed before block {end}; the chain is at {head}")


def check_credential(ledger: Ledger, terms: MarketTerms, issued: Issued | None, owner: int, time: int) -> None:
    """The credential is the owner's, in the issuer's tree, and admitted by the market at `time` (s)."""
    if issued is None:
        raise NoCredential("an order needs a credential: ask the issuer for one")
    credential = issued.credential
    if credential.owner != owner:
        raise NoCredential(f"credential {issued.id} is another owner's")
    if ledger.credentials.leaf(issued.id) != credential.leaf:
        raise NoCredential(f"credential {issued.id} is not in the issuer's tree: revoked, renewed or too new")
    if credential.expiry <= time:
        raise CredentialExpired(
            f"credential {issued.id} expires at {credential.expiry} s, and must outlast {time} s: renew it"
        )
    if not terms.jurisdictions >> credential.jurisdiction & 1:
        raise NotAdmitted(f"the market does not admit jurisdiction {credential.jurisdiction}")
    if credential.tier < terms.tier:
        raise NotAdmitted(f"the market admits tier {terms.tier} and above; the credential has {credential.tier}")


def check_order(market: MarketTerms, terms: Terms) -> None:
    if terms.quantity < market.min_quantity:
        raise NotAdmitted(f"the market's smallest order is {market.min_quantity} lots, not {terms.quantity}")
    if terms.lock(market.lot, market.fee_bps) >= 1 << AMOUNT_BITS:
        raise NotAdmitted("the order locks more than a note can hold: ask for less")


def check_place(chain: Chain, market: int, epoch: int, capacity: int) -> None:
    live = chain.call(chain.contract("Market").functions.epochs(market, epoch)).live
    if live >= capacity:
        raise EpochFull(f"epoch {epoch} of market {market} holds {live} orders, its capacity: try the next epoch")


def check_root(chain: Chain, ledger: Ledger) -> None:
    """The credential root that the ledger holds is one that a commit may name now."""
    if not ledger.credentials_fit:
        raise IssuerFault(
            "the issuer's credential root is not that of its leaves, so that no order can be proven: it must publish "
            "the right one; withdrawals, reveals, reclaims and settlements go on"
        )
    if not chain.call(chain.contract("Credentials").functions.accepts(ledger.credentials.root)):
        raise NoCredential("the issuer has just changed its tree: try again when the ledger has followed")


def check_leader(ledger: Ledger, epoch: EpochRecord) -> Point:
    """The key to reveal under; Diverged unless the contract names the leader, the key and the frozen set of the events.

    Whoever holds that key reads the order, and the reveal counts for that set alone: so no indexer, and no node asked
    for events only, decides to whom it is opened.
    """
    view = ledger.chain.contract("Market").functions.epochs(epoch.market, epoch.epoch)
    there, key = ledger.chain.call(view, ledger.block), ledger.reveal_keys.get((epoch.leader, epoch.reveal_version))
    pairs = {
        "leader": (epoch.leader, there.leader),
        "version of the leader's key": (epoch.reveal_version, there.reveal_key_version),
        "leader's key": (key and tuple(key), tuple(there.reveal_key)),
        "frozen set": (epoch.commit_chain, bytes(there.commit_chain)),
    }
    for what, (told, held) in pairs.items():
        if told != held:
            raise Diverged(
                f"events tell another {what} of epoch {epoch.epoch} than the contract holds at block {ledger.block}: "
                "nothing was revealed. Sync again, from another node or indexer if it stays so"
            )
    return key
