"""The errors that a command answers with one line, and after which a service goes on."""

from sqlalchemy.exc import SQLAlchemyError
from web3.exceptions import Web3Exception

from indexer.api.serve import ServeError
from indexer.access_log import LogBroken
from indexer.audit.report import ReportError
from indexer.database import DatabaseError
from indexer.follow import FollowError
from offchain.admission import Refused
from offchain.auditor import AuditError
from offchain.chain import ChainError
from offchain.circuits import NotBuilt
from offchain.coins import InsufficientFunds
from offchain.contracts import ArtifactError
from offchain.deployment import DeploymentError
from offchain.issuer import IssuerError
from offchain.keystore import KeystoreError
from offchain.ledger import Diverged
from offchain.prover import ProverError
from offchain.snarkjs import SnarkjsError
from offchain.store import StoreError
from offchain.transcript import CeremonyError
from relayer.config import ConfigError
from relayer.leader import LeaderError
from scripts.cli.common import CommandError

# ValueError is the root of every refusal of a value (RangeError, KeyMaterialError, SettlementError, …).
EXPECTED = (
    CommandError, ChainError, NotBuilt, ArtifactError, DeploymentError, KeystoreError, ProverError, Refused,
    InsufficientFunds, IssuerError, AuditError, Diverged, LeaderError, CeremonyError, SnarkjsError, Web3Exception,
    ConfigError, StoreError, DatabaseError, FollowError, ServeError, SQLAlchemyError,
    LogBroken, ReportError, OSError, ValueError,
)  # fmt: skip
