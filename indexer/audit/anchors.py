"""The access log on the chain: how long it was and how it ended, stated by an account from time to time.

The chain shows the count and 32 bytes, nothing of what the log says. An anchored row can be neither
changed nor cut off unnoticed; rows after the last anchor can still be cut off.
"""

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from indexer.access_log import AccessLog, LogBroken
from offchain import contracts
from offchain.chain import LOG_SPAN, Chain, Receipt
from offchain.deployment import DeploymentError
from offchain.events import EventType


@dataclass(frozen=True)
class Anchor:
    """A statement on the chain: the log had `count` rows, the last one's link was `head` (64 hexadecimal digits)."""

    account: str
    count: int
    head: str
    block: int
    tx: str


def anchor(chain: Chain, account: LocalAccount, log: AccessLog) -> Receipt:
    """State the log as it is now. LogBroken if it does not hold, or not its anchors; then nothing is sent."""
    verify(log, anchors(chain, account.address))
    count, head = log.head()
    return chain.send(account, _contract(chain).functions.anchor(count, bytes.fromhex(head)), name="anchor")


def anchors(chain: Chain, account: str) -> list[Anchor]:
    """Everything that an account stated of its log, in chain order, up to the head."""
    [entry] = [one for one in contracts.artifact("Anchor").abi if one["type"] == "event"]
    kind, address = EventType("Anchor", entry), _contract(chain).address
    topics = ["0x" + kind.topic.hex(), "0x" + bytes(12).hex() + account[2:].lower()]
    found, head = [], chain.head()
    for first in range(chain.deployment.start_block, head + 1, LOG_SPAN):
        last = min(first + LOG_SPAN - 1, head)
        span = {"fromBlock": first, "toBlock": last, "address": address, "topics": topics}
        for log in chain.web3.eth.get_logs(span):
            event = kind.read(log)
            found.append(Anchor(account, event.args["count"], event.args["head"].hex(), event.block, event.tx))
    return found


def verify(log: AccessLog, stated: list[Anchor]) -> int:
    """Hold the log to itself and to its anchors; how many of its rows an anchor covers.

    LogBroken names the first row that was changed, put in or taken out, or the anchor that the log contradicts.
    """
    links = log.verify()
    for one in stated:
        where = f"its anchor in block {one.block} (transaction {one.tx})"
        if one.count not in links:
            raise LogBroken(f"the log has {len(links) - 1} rows, and {where} says {one.count}: rows were cut off")
        if links[one.count] != one.head:
            raise LogBroken(f"row {one.count} is not the one of {where}: the log was written anew")
    return max((one.count for one in stated), default=0)


def _contract(chain: Chain):
    if "Anchor" not in chain.deployment.contracts:
        raise DeploymentError("no Anchor contract in the deployment file: deploy again, or add its address")
    return chain.contract("Anchor")
