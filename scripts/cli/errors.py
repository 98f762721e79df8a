"""The errors that a command answers with one line; by name, so that no command imports them all."""

EXPECTED = (
    "builtins.OSError",
    "builtins.ValueError",      # the root of every refusal of a value
    "indexer.api.serve.ServeError",
    "indexer.audit.report.ReportError",
    "indexer.database.DatabaseError",
    "indexer.follow.FollowError",
    "offchain.admission.Refused",
    "offchain.agent.config.ConfigError",
    "offchain.agent_client.AgentError",
    "offchain.auditor.AuditError",
    "offchain.chain.ChainError",
    "offchain.circuits.NotBuilt",
    "offchain.coins.InsufficientFunds",
    "offchain.contracts.ArtifactError",
    "offchain.deployment.DeploymentError",
    "offchain.gateway.serve.GatewayError",
    "offchain.hashchain.LogBroken",
    "offchain.issuer.IssuerError",
    "offchain.keystore.KeystoreError",
    "offchain.prover.ProverError",
    "offchain.restore.RestoreError",
    "offchain.snarkjs.SnarkjsError",
    "offchain.state.Diverged",
    "offchain.store.StoreError",
    "offchain.transcript.CeremonyError",
    "relayer.config.ConfigError",
    "relayer.leader.LeaderError",
    "scripts.cli.common.CommandError",
    "sqlalchemy.exc.SQLAlchemyError",
    "web3.exceptions.Web3Exception",
)


def is_expected(error: BaseException) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in EXPECTED for kind in type(error).__mro__)
