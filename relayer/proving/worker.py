"""A proving worker: takes jobs from Redis, one at a time, and answers those that are sealed for it.

It runs in one process, so that whatever kills the proof kills the worker and its lease: another
takes the job over. More proofs at once are more workers.
"""

from celery.signals import setup_logging
from redis import RedisError

from relayer.proving.broker import TASK, Broker, queue
from relayer.proving.job import SIZES, ProvingError, answer
from relayer.proving.sealing import Unreadable, WorkerKey, open_job, seal_result
from relayer.telemetry import log, logs


def work(broker: Broker, key: WorkerKey, id: str) -> str:
    """Do one job; what became of it, in a word. Raises nothing: a job's failure is its answer."""
    try:
        sealed = broker.take(id)
        if sealed is None:
            return "unawaited"
        try:
            job, content_key = open_job(sealed, id, key)
        except Unreadable:
            broker.put_back(id)
            return "sealed_for_others"      # is this one in the asker's list?
        with broker.lease(id) as held:
            if not held:
                return "taken"
            broker.deliver(id, seal_result(answer(job), id, content_key))
        return "answered"
    except (RedisError, OSError) as error:
        log.warning("redis away", error=error)
        return "failed"


def run(broker: Broker, key: WorkerKey, sizes: tuple[str, ...] = tuple(SIZES)) -> None:
    """Work until a signal ends it, after the job at hand; ProvingError for a size class that is none.

    It logs as a relayer does, Celery included: never a text of another's.
    """
    if not sizes or any(size not in SIZES for size in sizes):
        raise ProvingError(f"size classes are {', '.join(SIZES)}")

    @broker.celery.task(name=TASK)
    def prove(id: str) -> None:
        log.info("job", result=work(broker, key, str(id)))

    logs.configure()
    setup_logging.connect(_leave)
    broker.celery.Worker(
        pool="solo",
        queues=[queue(size) for size in sizes],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    ).start()


def _leave(**_) -> None:
    """Logging as it is, where Celery would make its own."""
