"""Acting through the timelock: propose a call, wait its delay, execute it."""

from collections.abc import Callable
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction

from offchain.chain import Chain, ChainError, Receipt, calldata


@dataclass(frozen=True)
class Proposal:
    """`ready` is the first block in which it can be executed."""

    id: int
    ready: int
    receipt: Receipt


class Governance:
    """The Governor contract as its admin `account` uses it."""

    def __init__(self, chain: Chain, account: LocalAccount):
        self.chain, self.account = chain, account
        self.contract = chain.contract("Governor")

    def propose(self, *calls: ContractFunction) -> list[Proposal]:
        """Announce contract calls, together. Reverted if this account is not the admin."""
        sent = []
        for call in calls:
            proposal = self.contract.functions.propose(call.address, calldata(call))
            sent.append(self.chain.submit(self.account, proposal, name=f"propose {call.fn_name}"))
        return [self._announced(self.chain.receipt(pending)) for pending in sent]

    def execute(self, proposal: Proposal) -> Receipt:
        """Make a proposal's call. Reverted before its delay is over, or if the call itself reverts."""
        return self.chain.send(self.account, self.contract.functions.execute(proposal.id))

    def cancel(self, proposal: Proposal) -> Receipt:
        return self.chain.send(self.account, self.contract.functions.cancel(proposal.id))

    def enact(self, calls: list[ContractFunction], progress: Callable[[int], None] = lambda head: None) -> list[Receipt]:
        """Propose the calls, wait for all of their delays, execute them in order."""
        proposals = self.propose(*calls)
        # Gas is estimated on the head, so the head itself must have reached the block.
        self.chain.wait_for(max(proposal.ready for proposal in proposals), progress)
        executed = [self.execute(proposal) for proposal in proposals]
        return [proposal.receipt for proposal in proposals] + executed

    def _announced(self, receipt: Receipt) -> Proposal:
        tx = self.chain.web3.eth.get_transaction_receipt(receipt.hash)
        for log in self.contract.events.Proposed().process_receipt(tx):
            return Proposal(log["args"]["id"], log["args"]["ready"], receipt)
        raise ChainError(f"transaction {receipt.hash} announced no proposal")
