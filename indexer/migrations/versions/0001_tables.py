"""Tables of the chain and of the indexer itself."""

import sqlalchemy as sa
from alembic import op

from indexer import models

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "admins",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("admin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_table(
        "auditor_keys",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("x", models.Word(length=64), nullable=False),
        sa.Column("y", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index(op.f("ix_auditor_keys_block"), "auditor_keys", ["block"], unique=False)
    op.create_table(
        "blocks",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block"),
    )
    op.create_index(op.f("ix_blocks_hash"), "blocks", ["hash"], unique=False)
    op.create_index(op.f("ix_blocks_timestamp"), "blocks", ["timestamp"], unique=False)
    op.create_table(
        "credential_leaves",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index", "id"),
    )
    op.create_table(
        "credential_roots",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("root", models.Word(length=64), nullable=False),
        sa.Column("additive", sa.Boolean(), nullable=False),
        sa.Column("fits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_credential_roots_root"), "credential_roots", ["root"], unique=False)
    op.create_table(
        "divergences",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "epochs",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leader", sa.Text(), nullable=False),
        sa.Column("reveal_version", sa.BigInteger(), nullable=False),
        sa.Column("auditor_version", sa.BigInteger(), nullable=False),
        sa.Column("treasury_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_epochs_block"), "epochs", ["block"], unique=False)
    op.create_index(op.f("ix_epochs_leader"), "epochs", ["leader"], unique=False)
    op.create_table(
        "events",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tx", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_events_tx"), "events", ["tx"], unique=False)
    op.create_table(
        "failures",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leader", sa.Text(), nullable=False),
        sa.Column("slashed", models.Word(length=64), nullable=False),
        sa.Column("bounty", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_failures_block"), "failures", ["block"], unique=False)
    op.create_table(
        "fixings",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("price", models.Word(length=64), nullable=False),
        sa.Column("void", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_fixings_block"), "fixings", ["block"], unique=False)
    op.create_table(
        "issuers",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_table(
        "markets",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("lot", models.Word(length=64), nullable=False),
        sa.Column("min_quantity", models.Word(length=64), nullable=False),
        sa.Column("fee_bps", sa.BigInteger(), nullable=False),
        sa.Column("bond_bps", sa.BigInteger(), nullable=False),
        sa.Column("jurisdictions", models.Word(length=64), nullable=False),
        sa.Column("tier", sa.BigInteger(), nullable=False),
        sa.Column("start_block", sa.BigInteger(), nullable=False),
        sa.Column("commit_blocks", sa.BigInteger(), nullable=False),
        sa.Column("freeze_blocks", sa.BigInteger(), nullable=False),
        sa.Column("reveal_blocks", sa.BigInteger(), nullable=False),
        sa.Column("settle_blocks", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("quota", sa.BigInteger(), nullable=False),
        sa.Column("split_bps", sa.BigInteger(), nullable=False),
        sa.Column("deferral", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("max_age", sa.BigInteger(), nullable=False),
        sa.Column("collar_bps", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market"),
    )
    op.create_index(op.f("ix_markets_block"), "markets", ["block"], unique=False)
    op.create_table(
        "memos",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("words", models.Words(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_memos_block"), "memos", ["block"], unique=False)
    op.create_table(
        "notes",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("commitment", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_notes_block"), "notes", ["block"], unique=False)
    op.create_index(op.f("ix_notes_commitment"), "notes", ["commitment"], unique=False)
    op.create_table(
        "nullifiers",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("nullifier", models.Word(length=64), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nullifier"),
    )
    op.create_index(op.f("ix_nullifiers_block"), "nullifiers", ["block"], unique=False)
    op.create_table(
        "observations",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("feeder", sa.Text(), nullable=False),
        sa.Column("price", models.Word(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_table(
        "orders",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("quota_nullifier", models.Word(length=64), nullable=False),
        sa.Column("market", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("oc", models.Word(length=64), nullable=False),
        sa.Column("rk", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("quota_nullifier"),
    )
    op.create_index(op.f("ix_orders_block"), "orders", ["block"], unique=False)
    op.create_index(op.f("ix_orders_epoch"), "orders", ["epoch"], unique=False)
    op.create_index(op.f("ix_orders_market"), "orders", ["market"], unique=False)
    op.create_index(op.f("ix_orders_oc"), "orders", ["oc"], unique=False)
    op.create_table(
        "pauses",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_table(
        "prints",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("price", models.Word(length=64), nullable=False),
        sa.Column("volume", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_prints_block"), "prints", ["block"], unique=False)
    op.create_table(
        "proofs",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circuit", sa.Text(), nullable=False),
        sa.Column("tx", sa.Text(), nullable=False),
        sa.Column("market", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("words", models.Words(), nullable=False),
        sa.Column("statement", models.Words(), nullable=False),
        sa.Column("publics", models.Words(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_proofs_circuit"), "proofs", ["circuit"], unique=False)
    op.create_index(op.f("ix_proofs_status"), "proofs", ["status"], unique=False)
    op.create_index(op.f("ix_proofs_tx"), "proofs", ["tx"], unique=False)
    op.create_table(
        "proposal_ends",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("proposal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("proposal"),
    )
    op.create_index(op.f("ix_proposal_ends_block"), "proposal_ends", ["block"], unique=False)
    op.create_table(
        "proposals",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("proposal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("ready", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("proposal"),
    )
    op.create_index(op.f("ix_proposals_block"), "proposals", ["block"], unique=False)
    op.create_table(
        "quotes",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price", models.Word(length=64), nullable=True),
        sa.Column("agreeing", sa.BigInteger(), nullable=True),
        sa.Column("anchor", models.Word(length=64), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_table(
        "reclaims",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("quota_nullifier", models.Word(length=64), nullable=False),
        sa.Column("market", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("oc", models.Word(length=64), nullable=False),
        sa.Column("forfeit", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("x", models.Word(length=64), nullable=False),
        sa.Column("y", models.Word(length=64), nullable=False),
        sa.Column("treasury_pad", models.Word(length=64), nullable=False),
        sa.Column("chain", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("quota_nullifier"),
    )
    op.create_index(op.f("ix_reclaims_block"), "reclaims", ["block"], unique=False)
    op.create_index(op.f("ix_reclaims_epoch"), "reclaims", ["epoch"], unique=False)
    op.create_index(op.f("ix_reclaims_market"), "reclaims", ["market"], unique=False)
    op.create_table(
        "relayers",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("relayer", sa.Text(), nullable=False),
        sa.Column("owner_word", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("relayer"),
    )
    op.create_index(op.f("ix_relayers_block"), "relayers", ["block"], unique=False)
    op.create_table(
        "releases",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_releases_block"), "releases", ["block"], unique=False)
    op.create_table(
        "reveal_keys",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("relayer", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("x", models.Word(length=64), nullable=False),
        sa.Column("y", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("relayer", "version"),
    )
    op.create_index(op.f("ix_reveal_keys_block"), "reveal_keys", ["block"], unique=False)
    op.create_table(
        "reveals",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quota_nullifier", models.Word(length=64), nullable=False),
        sa.Column("oc", models.Word(length=64), nullable=False),
        sa.Column("x", models.Word(length=64), nullable=False),
        sa.Column("y", models.Word(length=64), nullable=False),
        sa.Column("ciphertext", models.Words(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch", "slot"),
    )
    op.create_index(op.f("ix_reveals_block"), "reveals", ["block"], unique=False)
    op.create_index(op.f("ix_reveals_quota_nullifier"), "reveals", ["quota_nullifier"], unique=False)
    op.create_table(
        "roots",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("tree", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chunk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("root", models.Word(length=64), nullable=False),
        sa.Column("frontier", models.Words(), nullable=False),
        sa.PrimaryKeyConstraint("tree", "chunk"),
    )
    op.create_index(op.f("ix_roots_block"), "roots", ["block"], unique=False)
    op.create_index(op.f("ix_roots_root"), "roots", ["root"], unique=False)
    op.create_table(
        "settlements",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("invalid_mask", models.Word(length=64), nullable=False),
        sa.Column("print_commitment", models.Word(length=64), nullable=False),
        sa.Column("audit_x", models.Word(length=64), nullable=False),
        sa.Column("audit_y", models.Word(length=64), nullable=False),
        sa.Column("audit", models.Words(), nullable=False),
        sa.Column("treasury_pad", models.Word(length=64), nullable=False),
        sa.Column("leader_cm", models.Word(length=64), nullable=False),
        sa.Column("treasury_cm", models.Word(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch"),
    )
    op.create_index(op.f("ix_settlements_block"), "settlements", ["block"], unique=False)
    op.create_table(
        "slots",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("receipt", models.Word(length=64), nullable=False),
        sa.Column("audit", models.Word(length=64), nullable=False),
        sa.Column("invalid", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market", "epoch", "slot"),
    )
    op.create_index(op.f("ix_slots_block"), "slots", ["block"], unique=False)
    op.create_table(
        "stakes",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("relayer", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", models.Word(length=64), nullable=False),
        sa.Column("withdraw_from", sa.BigInteger(), nullable=True),
        sa.Column("caller", sa.Text(), nullable=True),
        sa.Column("bounty", models.Word(length=64), nullable=True),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_stakes_relayer"), "stakes", ["relayer"], unique=False)
    op.create_table(
        "successors",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet", sa.Text(), nullable=False),
        sa.Column("successor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_successors_wallet"), "successors", ["wallet"], unique=False)
    op.create_table(
        "sync",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("start_block", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "transactions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("gas_price", models.Word(length=64), nullable=False),
        sa.Column("gas_used", sa.BigInteger(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(op.f("ix_transactions_block"), "transactions", ["block"], unique=False)
    op.create_index(op.f("ix_transactions_sender"), "transactions", ["sender"], unique=False)
    op.create_table(
        "transacts",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("deposit", models.Word(length=64), nullable=False),
        sa.Column("withdrawal", models.Word(length=64), nullable=False),
        sa.Column("fee", models.Word(length=64), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_transacts_account"), "transacts", ["account"], unique=False)
    op.create_index(op.f("ix_transacts_asset"), "transacts", ["asset"], unique=False)
    op.create_index(op.f("ix_transacts_block"), "transacts", ["block"], unique=False)
    op.create_table(
        "treasuries",
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("owner_word", models.Word(length=64), nullable=False),
        sa.Column("x", models.Word(length=64), nullable=False),
        sa.Column("y", models.Word(length=64), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_index(op.f("ix_treasuries_block"), "treasuries", ["block"], unique=False)
    op.create_table(
        "wallets",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet", sa.Text(), nullable=False),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index"),
    )
    op.create_index(op.f("ix_wallets_wallet"), "wallets", ["wallet"], unique=False)
