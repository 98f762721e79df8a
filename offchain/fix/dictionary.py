"""What FIX 4.4 says of the messages that we read: their types, the fields they need, the form of values."""

import re

from offchain.fix import tags
from offchain.fix.wire import Fault, Message, unstamp

LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST = "A", "0", "1", "2"
REJECT, SEQUENCE_RESET, LOGOUT = "3", "4", "5"
NEW_ORDER, CANCEL_REQUEST, STATUS_REQUEST, MASS_STATUS_REQUEST = "D", "F", "H", "AF"
EXECUTION_REPORT, CANCEL_REJECT, BUSINESS_REJECT = "8", "9", "j"

SESSION_TYPES = frozenset({LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT})
KNOWN_TYPE = re.compile(r"[0-9A-HJ-NP-TV-Za-z]|A[A-Z]|B[A-H]|U.+")
"""Every type of FIX 4.4, and those that parties may agree on."""

REQUIRED = {
    LOGON: (tags.ENCRYPT_METHOD, tags.HEART_BT_INT),
    TEST_REQUEST: (tags.TEST_REQ_ID,),
    RESEND_REQUEST: (tags.BEGIN_SEQ_NO, tags.END_SEQ_NO),
    REJECT: (tags.REF_SEQ_NUM,),
    SEQUENCE_RESET: (tags.NEW_SEQ_NO,),
    NEW_ORDER: (tags.CL_ORD_ID, tags.SYMBOL, tags.SIDE, tags.TRANSACT_TIME, tags.ORDER_QTY, tags.ORD_TYPE),
    CANCEL_REQUEST: (tags.ORIG_CL_ORD_ID, tags.CL_ORD_ID, tags.SYMBOL, tags.SIDE, tags.TRANSACT_TIME),
    STATUS_REQUEST: (tags.CL_ORD_ID,),
    MASS_STATUS_REQUEST: (tags.MASS_STATUS_REQ_ID, tags.MASS_STATUS_REQ_TYPE),
}
"""Without the header. Of a cancel's or status request's order, ClOrdID says all that we need."""

DIGITS = re.compile(r"[0-9]{1,18}")
NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?")
FORMS = (
    {tag: DIGITS for tag in (7, 16, 34, 36, 45, 98, 108, 585)}
    | {tag: NUMBER for tag in (38, 44)}
    | {tag: re.compile("[YN]") for tag in (43, 97, 123, 141)}
)
SIDES = "123456789ABCDEFG"
ORDER_TYPES = "123456789DEGIJKLMP"
TIMES_IN_FORCE = "01234567"
VALUES = {tags.SIDE: SIDES, tags.ORD_TYPE: ORDER_TYPES, tags.TIME_IN_FORCE: TIMES_IN_FORCE}
OURS = frozenset(tag for wanted in REQUIRED.values() for tag in wanted) | set(FORMS) | set(VALUES) | {
    tags.ACCOUNT, tags.TEXT, tags.USERNAME, tags.PASSWORD
}  # fmt: skip
"""Fields that we read, none of which is in a repeating group of what we take."""

TIMES = (tags.SENDING_TIME, tags.ORIG_SENDING_TIME, tags.TRANSACT_TIME)


def sequence(message: Message) -> int | None:
    """MsgSeqNum, if it has one, from 1."""
    text = message.get(tags.MSG_SEQ_NUM) or ""
    return int(text) if DIGITS.fullmatch(text) and int(text) > 0 else None


def check(message: Message) -> None:
    """Fault if the message is not as FIX 4.4 wants it."""
    if message.fault is not None:
        raise message.fault
    if not KNOWN_TYPE.fullmatch(message.type):
        raise Fault(11, f"there is no message of type {message.type} in FIX 4.4", tags.MSG_TYPE)
    if tags.SENDING_TIME not in (tag for tag, _ in message.pairs):
        raise Fault(1, "SendingTime (52) is missing", tags.SENDING_TIME)
    taken = message.type in SESSION_TYPES or message.type in REQUIRED
    _check_order(message, OURS if taken else frozenset())
    for tag in REQUIRED.get(message.type, ()):
        if message.get(tag) is None:
            raise Fault(1, f"field {tag} is missing", tag)
    for tag, value in message.pairs:
        if taken or tag in tags.HEADER:
            _check_value(tag, value)
    if message.flag(tags.POSS_DUP_FLAG):
        _check_origin(message)


def _check_order(message: Message, once: frozenset[int]) -> None:
    """Tags are positive, the header comes first, and no field of it, or of `once`, stands twice."""
    seen: set[int] = set()
    body = False
    for tag, _ in message.pairs:
        if tag <= 0:
            raise Fault(0, f"{tag} is no tag")
        if tag in seen and (tag in tags.HEADER or tag in once):
            raise Fault(13, f"field {tag} stands twice", tag)
        seen.add(tag)
        if tag not in tags.HEADER:
            body = True
        elif body:
            raise Fault(14, f"field {tag} belongs to the header, before the others", tag)


def _check_value(tag: int, value: str) -> None:
    if not value:
        raise Fault(4, f"field {tag} has no value", tag)
    form = FORMS.get(tag)
    if form is not None and not form.fullmatch(value):
        raise Fault(6, f"field {tag} has not the form that it should", tag)
    if tag in VALUES and (len(value) != 1 or value not in VALUES[tag]):
        raise Fault(5, f"field {tag} has a value that FIX 4.4 does not know", tag)
    if tag in TIMES:
        try:
            unstamp(value)
        except ValueError as error:
            raise Fault(6, f"field {tag}: {error}", tag) from None


def _check_origin(message: Message) -> None:
    """A message sent again says when it was first sent, which is not later than now."""
    origin, sent = message.get(tags.ORIG_SENDING_TIME), message.get(tags.SENDING_TIME)
    if origin is None:
        raise Fault(1, "OrigSendingTime (122) is missing of a message with PossDupFlag", tags.ORIG_SENDING_TIME)
    if sent is not None and unstamp(origin) > unstamp(sent):
        raise Fault(10, "OrigSendingTime (122) is later than SendingTime", tags.ORIG_SENDING_TIME)
