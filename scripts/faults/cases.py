"""The faults. Each strikes at one moment of an epoch's life, and returns once all is well again.

Moments are seen from outside: in the contracts, in the tree of processes, in what a relayer says to its
node. No relayer knows that it is tried.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.faults.branches import other_branch
from scripts.faults.gate import Hold, selector
from scripts.faults.site import Site
from scripts.venue.daemons import Daemon, proving

DOWN_BLOCKS = 3
"""How long a killed relayer stays away, where it is not said otherwise."""

AWAY_BLOCKS = 8
REORG_BLOCKS = 7
"""Deeper than the relayers' confirmations."""

LEFT_BEFORE = 4
"""Blocks before settling in which what a relayer needs is taken away."""


@dataclass(frozen=True)
class Strike:
    """`epoch` was struck at `block`; `healed` is the block at which all was well again."""

    epoch: int
    block: int
    healed: int
    where: str
    what: str


def leader_at_reveals(site: Site) -> Strike:
    """Killed when all is revealed, and kept down beyond the deadline: the others go on without it."""
    epoch, name = site.next_led()
    site.revealed(epoch)
    block = _kill(site, site.relayers[name])
    reported = site.until(f"a report of epoch {epoch}", lambda: site.record(epoch).slashed and site.head())
    site.relayers[name].start()
    return Strike(epoch, block, reported, f"{name}, all revealed", "failed, reported, stake lost")


def leader_at_proof(site: Site) -> Strike:
    """Killed while the settlement is being proven."""
    epoch, name = site.next_led()
    site.until(f"a proof for epoch {epoch}", lambda: _at_proof(site, name, "settle"))
    return _down_and_up(site, epoch, name, f"{name}, proving")


def leader_at_signed(site: Site) -> Strike:
    """Killed when the settlement is signed and written down, and the node has not got it."""
    return _held(site, delivered=False, where="signed, not broadcast")


def leader_at_sent(site: Site) -> Strike:
    """Killed when the node has the settlement, before the relayer knows so."""
    return _held(site, delivered=True, where="broadcast, no receipt")


def leader_at_print(site: Site) -> Strike:
    """Killed when the settlement is in a block and the print is due."""
    epoch, name = site.next_led()
    hold = _hold(site, name, "print_epoch", delivered=False)
    site.until(f"the print of epoch {epoch}", hold.reached.is_set)
    return _down_and_up(site, epoch, name, f"{name}, print not out")


def leader_at_advance(site: Site) -> Strike:
    """Killed while it moves leaves into the tree; another may do so in its place."""
    pool = site.world.chain.contract("Pool").functions
    at_it = lambda: next((name for name in site.relayers if _at_proof(site, name, "advance")), None)  # noqa: E731
    name = site.until("a proof of advance", at_it)
    chunk = site.world.chain.call(pool.next_chunk())
    block = _kill(site, site.relayers[name])
    site.reach(block + DOWN_BLOCKS)
    site.relayers[name].start()
    moved = site.until("an advance", lambda: site.world.chain.call(pool.next_chunk()) > chunk and site.head())
    epoch, _ = site.next_led()
    site.over(epoch)
    return Strike(epoch, block, moved, f"{name}, proving advance", f"chunk {chunk} moved into the tree")


def worker_mid_proof(site: Site) -> Strike:
    """A proving worker dies; the job goes to the other one."""
    epoch, name = site.next_led("south")
    worker = site.until("a worker's proof", lambda: next((w for w in site.workers if proving(w.pid, "settle")), None))
    block = _kill(site, worker)
    healed, what = site.over(epoch)
    worker.start()
    return Strike(epoch, block, healed, f"worker of {name}, proving", f"the other worker took over: {what}")


def redis(site: Site) -> Strike:
    """Redis dies in mid-proof, and comes back empty."""
    epoch, name = site.next_led("south")
    site.until("a worker's proof", lambda: any(proving(worker.pid, "settle") for worker in site.workers))
    site.redis.kill()
    block = site.head()
    site.reach(block + DOWN_BLOCKS)
    site.redis.start()
    healed, what = site.over(epoch)
    return Strike(epoch, block, healed, f"{name}, proving", f"came back empty: {what}")


def postgres(site: Site) -> Strike:
    """The leader's database dies before it settles, and comes back."""
    epoch, name = site.next_led("north")
    site.reach(site.windows(epoch).settle - LEFT_BEFORE)
    site.postgres.kill()
    block = site.head()
    site.reach(block + AWAY_BLOCKS)
    site.postgres.start()
    healed, what = site.over(epoch)
    return Strike(epoch, block, healed, f"database of {name}", f"{_unharmed(site.relayers[name])}: {what}")


def validator(site: Site) -> Strike:
    """One validator of five dies and comes back."""
    epoch, name = site.next_led()
    site.revealed(epoch)
    victim = site.network.plan.validator_names[0]
    site.network.kill(victim)
    block = site.head()
    site.reach(block + AWAY_BLOCKS)
    site.network.restart(victim)
    healed, what = site.over(epoch)
    _agrees(site, victim)
    return Strike(epoch, block, healed, f"{victim}, while {name} leads", f"blocks went on: {what}")


def disk_full(site: Site) -> Strike:
    """Not a byte can be written where the leader's database is, from before it settles until well after."""
    epoch, name = site.next_led("east")
    relayer = site.relayers[name]
    site.reach(site.windows(epoch).settle - LEFT_BEFORE)
    site.small_disk.fill(relayer.pid)
    block = site.head()
    site.reach(block + 2 * AWAY_BLOCKS)
    site.small_disk.empty(relayer.pid)
    healed, what = site.over(epoch)
    return Strike(epoch, block, healed, f"{name}, {site.small_disk.refusal}", f"{_unharmed(relayer)}: {what}")


def reorg(site: Site) -> Strike:
    """The network goes on along another branch than the one that the relayers saw."""
    epoch, name = site.next_led()
    site.revealed(epoch)
    site.reach(site.windows(epoch).settle - 1)
    block, depth = other_branch(site, REORG_BLOCKS)
    healed, what = site.over(epoch)
    return Strike(epoch, block, max(healed, site.head()), f"{name} leads", f"{depth} blocks replaced: {what}")


CASES: dict[str, Callable[[Site], Strike]] = {
    "leader-at-reveals": leader_at_reveals,
    "leader-at-proof": leader_at_proof,
    "leader-at-signed": leader_at_signed,
    "leader-at-sent": leader_at_sent,
    "leader-at-print": leader_at_print,
    "leader-at-advance": leader_at_advance,
    "worker-mid-proof": worker_mid_proof,
    "redis": redis,
    "postgres": postgres,
    "validator": validator,
    "disk-full": disk_full,
    "reorg": reorg,
}
"""By name, as docs/operate.md has them."""


def _kill(site: Site, daemon: Daemon) -> int:
    """Kill it now; the head then."""
    daemon.kill()
    return site.head()


def _at_proof(site: Site, name: str, circuit: str) -> bool:
    """Whether a relayer, or a worker for it, proves."""
    pids = [site.relayers[name].pid, *(worker.pid for worker in site.workers if name == "south")]
    return any(proving(pid, circuit) for pid in pids)


def _hold(site: Site, name: str, function: str, delivered: bool) -> Hold:
    return site.gates[name].hold(selector(site.world.chain.contract("Market"), function), delivered)


def _held(site: Site, delivered: bool, where: str) -> Strike:
    epoch, name = site.next_led()
    hold = _hold(site, name, "settle", delivered)
    site.until(f"the settlement of epoch {epoch}", hold.reached.is_set)
    return _down_and_up(site, epoch, name, f"{name}, {where}")


def _down_and_up(site: Site, epoch: int, name: str, where: str) -> Strike:
    """Kill the leader of an epoch, start it again a little later, and wait until it has settled and printed."""
    block = _kill(site, site.relayers[name])
    site.gates[name].open()
    site.reach(block + DOWN_BLOCKS)
    site.relayers[name].start()
    _, what = site.over(epoch)
    return Strike(epoch, block, site.head(), where, f"started again: {what}")


def _unharmed(relayer: Daemon) -> str:
    return "the relayer lived through it" if relayer.pid else "the relayer ended"


def _agrees(site: Site, name: str) -> None:
    """Wait until a validator has the others' blocks."""
    number, peer = site.head(), site.network.validator_web3(name)

    def look() -> bool:
        try:
            return peer.eth.get_block(number)["hash"] == site.world.chain.web3.eth.get_block(number)["hash"]
        except Exception as error:  # its socket may not be there yet, nor the block
            del error
            return False

    site.until(f"{name} at block {number}", look)
