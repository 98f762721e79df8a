"""Tables of the liquidity windows and of the weeks of other venues."""

import sqlalchemy as sa
from alembic import op

from indexer import models

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "liquidity_stream",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO liquidity_stream (id, block, hash, watermark) VALUES (1, -1, NULL, 0)")
    op.create_table(
        "liquidity_prints",
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_liquidity_prints_block"), "liquidity_prints", ["block"], unique=False)
    op.create_index(op.f("ix_liquidity_prints_start"), "liquidity_prints", ["start"], unique=False)
    op.create_table(
        "liquidity_windows",
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prints", sa.BigInteger(), nullable=False),
        sa.Column("volume", models.Word(length=64), nullable=False),
        sa.Column("notional", models.Word(length=64), nullable=False),
        sa.Column("open", models.Word(length=64), nullable=True),
        sa.Column("high", models.Word(length=64), nullable=True),
        sa.Column("low", models.Word(length=64), nullable=True),
        sa.Column("close", models.Word(length=64), nullable=True),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("start", "market"),
    )
    op.create_table(
        "ats_weeks",
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("start", "venue"),
    )
    op.create_table(
        "ats_imports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("replaced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
