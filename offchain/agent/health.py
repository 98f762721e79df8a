"""What an operator should know before it hurts: carriers that take nothing, coin for gas, credentials that end."""

from offchain.agent.core import Core
from offchain.agent.courier import AccountRoute
from offchain.issuer import Issued, IssuerError

EVERY = 25
"""Blocks between two looks at what changes slowly."""

CALLS, CALL_GAS = 20, 1_500_000
"""An account that carries should be able to pay for so many calls of so much gas."""

DAYS_LEFT = 14
DAY = 86_400


class Health:
    def __init__(self, core: Core):
        self.core = core
        self._looked = -EVERY

    def round(self, head: int) -> None:
        self._say("carriers", self._carriers())
        if head - self._looked >= EVERY:
            self._looked = head
            self._say("credentials", self._credentials(self.core.chain.timestamp(head)))
            for route in self.core.courier.routes:
                if isinstance(route, AccountRoute):
                    self._say(f"coin:{route.name}", self._coin(route))

    def _say(self, name: str, problem: str | None) -> None:
        if problem is None:
            self.core.problems.pop(name, None)
        else:
            self.core.problems[name] = problem

    def _carriers(self) -> str | None:
        waiting = [one for one in list(self.core.book.parcels.values()) if one.given is None and one.reason]
        if not waiting:
            return None
        return f"{len(waiting)} calls are taken by no carrier; the last answer: {waiting[-1].reason}"

    def _credentials(self, time: int) -> str | None:
        """The longest-lived one says how long orders can still be made."""
        found = []
        for path in self.core.purse.credentials:
            try:
                found.append(Issued.load(path))
            except IssuerError as error:
                return str(error)
        if not found:
            return None
        last = max(found, key=lambda one: one.credential.expiry)
        days = (last.credential.expiry - time) // DAY
        if days >= DAYS_LEFT:
            return None
        state = f"expires in {days} days" if days >= 0 else "has expired"
        return f"credential {last.id} {state}: have the issuer renew it"

    def _coin(self, route: AccountRoute) -> str | None:
        chain = self.core.chain
        needed = CALLS * CALL_GAS * chain.fees()["maxFeePerGas"] // 4
        if chain.web3.eth.get_balance(route.name) >= needed:
            return None
        return f"the carrier {route.name} holds too little coin for {CALLS} more calls: send it some"
