"""Who makes a relayer's proofs: processes of this machine, or workers elsewhere through Redis."""

from pathlib import Path

from relayer.proving.job import Closed, Late, Prover, ProvingError
from relayer.proving.local import LocalProver

__all__ = ["Closed", "Late", "LocalProver", "Prover", "ProvingError", "open_prover"]


def open_prover(
    redis: str | None = None,
    workers: Path | None = None,
    password: str | None = None,
    processes: int = 1,
    patience: float | None = 20.0,
) -> Prover:
    """The prover that a configuration asks for; to be closed, or used in `with`.

    Without `redis` (redis://host:port/db) proofs are made by `processes` of this machine. With it,
    by those whose public keys the file `workers` lists; and here too, once none of them has worked
    on a job for `patience` seconds, unless that is None: then it waits until the job's deadline.
    ProvingError for settings that cannot work.
    """
    if redis is None:
        return LocalProver(processes)
    if workers is None:
        raise ProvingError("proving through Redis needs the file of workers' public keys: see `shadowpool worker keys`")
    # Here, since every proving process would else load Celery.
    from relayer.proving.broker import Broker
    from relayer.proving.queue import QueueProver
    from relayer.proving.sealing import read_workers

    fallback = None if patience is None else LocalProver(processes)
    return QueueProver(Broker(redis, password), read_workers(workers), fallback, patience or 0)
