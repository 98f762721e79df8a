"""After a fault: every order of an epoch that is over is settled, or given back now; every token is there."""

from dataclasses import dataclass

from offchain.admission import Refused
from offchain.carrier import CarrierClient
from offchain.chain import ChainError
from offchain.holdings import PlacedOrder
from offchain.orders import ENDED, Fate
from scripts.demo.conservation import balances
from scripts.demo.world import Institution
from scripts.faults.site import Site


@dataclass
class Count:
    """Orders by what became of them; `lost` were neither settled nor could be taken back."""

    settled: int = 0
    reclaimed: int = 0
    lost: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.settled + other.settled, self.reclaimed + other.reclaimed, self.lost + other.lost)


class Auditor:
    """Looks at each order once, when its epoch is over."""

    def __init__(self, site: Site):
        self.site = site
        self._seen: set[int] = set()

    def orders(self) -> Count:
        """Of every epoch that ended since the last look; what was not settled is reclaimed."""
        count = Count()
        for who in self.site.world.members():
            for status in who.wallet.orders():
                placed = status.placed
                if placed.quota_nullifier in self._seen or status.epoch_state not in ENDED:
                    continue
                self._seen.add(placed.quota_nullifier)
                if status.fate == Fate.FILLED:
                    count.settled += 1
                elif status.reclaimable and self._given_back(who, placed):
                    count.reclaimed += 1
                else:
                    count.lost += 1
        return count

    def open_orders(self) -> int:
        """Orders whose epoch is not over."""
        world = self.site.world
        return sum(status.epoch_state not in ENDED for who in world.members() for status in who.wallet.orders())

    def conserved(self) -> bool:
        """Whether the pool holds what all keys together own, to the last unit, at the ledger's block."""
        world = self.site.world
        with world.ledger.lock:
            world.ledger.sync()
            found = balances(world)
        return bool(found) and all(balance.holds for balance in found)

    def _given_back(self, who: Institution, placed: PlacedOrder) -> bool:
        """Reclaim an order through the carrier; whether its owner's key finds the refund on the chain."""
        world, site = self.site.world, self.site

        def reclaim() -> int | None:
            try:
                carrier = CarrierClient(site.carrier_url, world.chain.deployment)
                return who.wallet.reclaim(placed, carrier=carrier).block
            except (ChainError, Refused):
                return None

        try:
            site.reach(site.until(f"{who.name}'s reclaim", reclaim) + world.chain.confirmations)
        except Exception as error:  # whatever it was, the order did not come back
            world.say.line(f"[red]{who.name} cannot reclaim an order[/]: {type(error).__name__}")
            return False
        found = {status.placed.quota_nullifier: status for status in who.wallet.orders()}
        return found[placed.quota_nullifier].fate == Fate.RECLAIMED
