"""What is not for everyone: a member's own record, the auditor's and the compliance office's.

A wallet signs a challenge (EIP-712) and gets a token for a role that its address has: anyone is a member to
itself; the auditor is whom the chain's Keys names; compliance is named where the API is started. No role sees
terms, fills or notes: those open by keys, on the machine that holds them.
"""

from typing import Annotated, Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature, ValidationError
from eth_utils import to_checksum_address
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from typing_extensions import TypedDict

from indexer import models
from indexer.api import pages, shapes
from indexer.api.journal import REFUSED, Log
from indexer.api.pages import FIRST_LIMIT, Cursor, Limit
from indexer.api.problems import Problem, documented
from indexer.api.shapes import Address, Hash, Word
from indexer.api.tokens import Holder, Role, Signer, TokenError
from indexer.api.view import Reads, Row, View, facts, page, place

router = APIRouter(prefix="/v1", tags=["roles"], responses=documented(422, 429, 503))

TRANSACTS, WALLETS, SUCCESSORS = models.Transact.__table__, models.Wallet.__table__, models.Successor.__table__
AUDITORS = models.AuditorKey.__table__


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ChallengeBody(_Body):
    address: str = Field(pattern="^0x[0-9a-fA-F]{40}$")
    role: Role = Field(strict=False)


class LoginBody(ChallengeBody):
    nonce: str = Field(max_length=1_000)
    signature: str = Field(pattern="^0x[0-9a-fA-F]{130}$")


class Challenge(TypedDict):
    """`message` is what the wallet signs, as eth_signTypedData_v4 takes it."""

    nonce: str
    expires: int
    message: dict[str, Any]


class Token(TypedDict):
    token: str
    role: Role
    address: Address
    expires: int


class Movement(TypedDict):
    block: int
    tx: Hash
    timestamp: int
    token: shapes.Token
    deposit: Word
    withdrawal: Word
    fee: Word


class Member(TypedDict):
    """`admitted` now, and ever; the `successor` that the wallet named; `depositor` of how many movements."""

    address: Address
    admitted: bool
    admitted_ever: bool
    successor: Address | None
    relayer: bool
    movements: int


class Access(TypedDict):
    time: int
    role: str
    subject: str
    action: str
    resource: str
    outcome: str


def message(chain_id: int, pool: str, address: str, role: Role, nonce: str) -> dict[str, Any]:
    """The EIP-712 message that proves an address to the API of one pool."""
    fields = [{"name": "account", "type": "address"}, {"name": "role", "type": "string"}, {"name": "nonce", "type": "string"}]
    domain = [
        {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"},
    ]  # fmt: skip
    return {
        "types": {"EIP712Domain": domain, "Login": fields},
        "primaryType": "Login",
        "domain": {"name": "Shadowpool indexer", "version": "1", "chainId": chain_id, "verifyingContract": pool},
        "message": {"account": address, "role": str(role), "nonce": nonce},
    }


# --- Logging in ---


@router.post("/login/challenge", responses=documented(400))
def post_challenge(request: Request, view: Reads, body: ChallengeBody) -> Challenge:
    """Something for the wallet to sign; good for five minutes, once."""
    address = body.address.lower()
    nonce, expires = _signer(request).challenge(address, body.role)
    return {"nonce": nonce, "expires": expires, "message": _message(view, address, body.role, nonce)}


def _message(view: View, address: str, role: Role, nonce: str) -> dict[str, Any]:
    return message(view.deployment.chain_id, view.deployment.contracts["Pool"], address, role, nonce)


@router.post("/login", responses=documented(400, 401, 403))
def post_login(request: Request, view: Reads, body: LoginBody) -> Token:
    """A token for an answered challenge, to be sent as `Authorization: Bearer …`."""
    address = body.address.lower()
    log = _log(request)

    def refuse(status: int, why: str) -> Problem:
        log.append(body.role, address, "login", "token", f"{REFUSED}: {why}")
        return Problem(status, why)

    try:
        signed = encode_typed_data(full_message=_message(view, address, body.role, body.nonce))
        if Account.recover_message(signed, signature=body.signature).lower() != address:
            raise TokenError("the signature is not of that address")
        _signer(request).answer(body.nonce, address, body.role)
    except TokenError as error:
        raise refuse(401, str(error)) from None
    except (ValueError, TypeError, BadSignature, ValidationError) as error:
        raise refuse(401, f"the signature is malformed ({type(error).__name__})") from None
    if not _has(view, address, body.role):
        raise refuse(403, f"that address is not {body.role} here")
    token, expires = _signer(request).token(Holder(body.role, address))
    log.append(body.role, address, "login", "token", "granted")
    return {"token": token, "role": body.role, "address": body.address, "expires": expires}


def _has(view: View, address: str, role: Role) -> bool:
    """Whether an address has a role now."""
    if role == Role.AUDITOR:
        latest = view.scalar(select(AUDITORS.c.account).order_by(AUDITORS.c.version.desc()).limit(1))
        return latest is not None and latest.lower() == address
    if role == Role.COMPLIANCE:
        return address in {one.lower() for one in view.source.settings.compliance}
    return True


def _signer(request: Request) -> Signer:
    return request.app.state.signer


def _log(request: Request) -> Log:
    return request.app.state.log


def _only(*roles: Role) -> Any:
    """Lets the holder of a good token for one of the roles, which its address still has, pass; and writes it down."""

    def allow(request: Request, view: Reads) -> Holder:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        challenge = {"WWW-Authenticate": "Bearer"}
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "this needs a token: POST /v1/login/challenge, sign it, POST /v1/login", challenge)
        try:
            holder = _signer(request).holder(token.strip())
        except TokenError as error:
            raise Problem(401, str(error), challenge) from None
        granted = holder.role in roles and _has(view, holder.address, holder.role)
        why = f"this is for {' or '.join(roles)}, and the token is for {holder.role}"
        _log(request).append(holder.role, holder.address, "read", request.url.path, "granted" if granted else f"{REFUSED}: {why}")
        if not granted:
            raise Problem(403, why)
        return holder

    return Annotated[Holder, Depends(allow)]


AsMember = _only(Role.MEMBER)
AsOffice = _only(Role.AUDITOR, Role.COMPLIANCE)
AsCompliance = _only(Role.COMPLIANCE)
PRIVATE = documented(401, 403)


def _keep_out_of_caches(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


NoStore = [Depends(_keep_out_of_caches)]

# --- Members ---


@router.get("/me", responses=PRIVATE, dependencies=NoStore)
def get_me(view: Reads, holder: AsMember) -> Member:
    """What the chain says of the member's own wallet."""
    address = _stored(holder.address)
    rows = view.rows(select(WALLETS.c.admitted).where(WALLETS.c.wallet == address).order_by(WALLETS.c.block, WALLETS.c.log_index))
    named = select(SUCCESSORS.c.successor).where(SUCCESSORS.c.wallet == address)
    successor = view.scalar(named.order_by(SUCCESSORS.c.block.desc(), SUCCESSORS.c.log_index.desc()).limit(1))
    relayers = models.Relayer.__table__.c
    return {
        "address": address,
        "admitted": bool(rows) and rows[-1]["admitted"],
        "admitted_ever": any(row["admitted"] for row in rows),
        "successor": successor if successor and int(successor, 16) else None,
        "relayer": bool(view.rows(select(relayers.relayer).where(relayers.relayer == address))),
        "movements": len(view.rows(select(TRANSACTS.c.position).where(TRANSACTS.c.account == address))),
    }


@router.get("/me/movements", responses=PRIVATE, dependencies=NoStore)
def list_my_movements(
    view: Reads, holder: AsMember, cursor: Cursor = None, limit: Limit = FIRST_LIMIT
) -> shapes.Page[Movement]:
    """The member's own deposits, and withdrawals to its own wallet, the last first."""
    statement = facts(TRANSACTS).where(TRANSACTS.c.account == _stored(holder.address))
    rows = view.rows(pages.after(statement, "movements", cursor, limit, TRANSACTS.c.block, TRANSACTS.c.log_index))
    rows, next = pages.cut(rows, "movements", limit, "block", "log_index")
    return page(view, [_movement(view, row) for row in rows], next)


def _movement(view: View, row: Row) -> Row:
    amounts = {name: str(row[name]) for name in ("deposit", "withdrawal", "fee")}
    return {**place(row), "timestamp": row["timestamp"], "token": view.source.token(row["asset"]), **amounts}


def _stored(address: str) -> str:
    """An address as rows keep it."""
    return to_checksum_address(address)


# --- Offices ---


@router.get("/audit/access", responses=PRIVATE, dependencies=NoStore)
def list_access(request: Request, holder: AsOffice, limit: Limit = FIRST_LIMIT) -> list[Access]:
    """Who read what is not for everyone, the last first."""
    return _log(request).latest(limit)


@router.get("/compliance/refusals", responses=PRIVATE, dependencies=NoStore)
def list_refusals(request: Request, holder: AsCompliance, limit: Limit = FIRST_LIMIT) -> list[Access]:
    """Who was refused and why, the last first."""
    return _log(request).latest(limit, REFUSED)
