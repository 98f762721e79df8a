"""Tables of the liquidity windows: derived from `prints` and `blocks`, or imported. No fact of the chain is here alone."""

from sqlalchemy import BigInteger, Boolean, Integer, Text
from sqlmodel import Field

from indexer.models import Model, Word

_SERIAL = BigInteger().with_variant(Integer, "sqlite")


def _key() -> int:
    return Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})


def _int(**options) -> int:
    return Field(sa_type=BigInteger, **options)


def _word(**options) -> int:
    return Field(sa_type=Word, **options)


class LiquidityStream(Model, table=True):
    """One row, made by the migration: the last block that the windows know (hash None before the first), and
    the watermark in seconds, which never goes back."""

    __tablename__ = "liquidity_stream"
    id: int = _key()
    block: int = _int()
    hash: str | None = Field(sa_type=Text, nullable=True)
    watermark: int = _int()


class LiquidityPrint(Model, table=True):
    """A print that the windows count: the block that it came in, the window that it fell into, and whether
    the watermark had passed that window's end."""

    __tablename__ = "liquidity_prints"
    market: int = _key()
    epoch: int = _key()
    block: int = _int(index=True)
    hash: str = Field(sa_type=Text)
    start: int = _int(index=True)
    late: bool = Field(sa_type=Boolean)


class LiquidityWindow(Model, table=True):
    """Prints of one market in [start, start + 300 s): indexer.liquidity.windows says what the columns mean."""

    __tablename__ = "liquidity_windows"
    start: int = _key()
    market: int = _key()
    prints: int = _int()
    volume: int = _word()
    notional: int = _word()
    open: int | None = _word(nullable=True)
    high: int | None = _word(nullable=True)
    low: int | None = _word(nullable=True)
    close: int | None = _word(nullable=True)
    late: int = _int()


class AtsWeek(Model, table=True):
    """Shares that a venue reported for the week from `start` (Monday, UTC)."""

    __tablename__ = "ats_weeks"
    start: int = _key()
    venue: str = Field(sa_type=Text, primary_key=True)
    shares: int = _int()


class AtsImport(Model, table=True):
    """A file that changed ats_weeks: its sha256, rows in it, how many were new, how many replaced others."""

    __tablename__ = "ats_imports"
    id: int | None = Field(default=None, sa_type=_SERIAL, primary_key=True)
    sha256: str = Field(sa_type=Text)
    rows: int = _int()
    added: int = _int()
    replaced: int = _int()


STREAM, PRINTS, WINDOWS = LiquidityStream.__table__, LiquidityPrint.__table__, LiquidityWindow.__table__
ATS_WEEKS, ATS_IMPORTS = AtsWeek.__table__, AtsImport.__table__
