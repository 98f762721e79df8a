"""A proving worker: takes jobs from Redis, one at a time, and answers those that are sealed for it.

It runs in one process, so that whatever kills the proof kills the worker and its lease: another
takes the job over. More proofs at once are more workers.
"""

import logging

from redis import RedisError

from relayer.proving.broker import TASK, Broker, queue
from relayer.proving.job import SIZES, ProvingError, answer
from relayer.proving.sealing import Unreadable, WorkerKey, open_job, seal_result

log = logging.getLogger("shadowpool.worker")


def work(broker: Broker, key: WorkerKey, id: str) -> str:
    """Do one job; what became of it. Raises nothing: a job's failure is its answer."""
    try:
        sealed = broker.take(id)
        if sealed is None:
            return "nobody waits for it any more"
        try:
            job, content_key = open_job(sealed, id, key)
        except Unreadable:
            broker.put_back(id)
            return "it is sealed for other workers: is this one in the asker's list?"
        with broker.lease(id) as held:
            if not held:
                return "another worker is at it"
            broker.deliver(id, seal_result(answer(job), id, content_key))
        return "answered"
    except (RedisError, OSError) as error:
        return f"Redis went away: {type(error).__name__}"


def run(broker: Broker, key: WorkerKey, sizes: tuple[str, ...] = tuple(SIZES)) -> None:
    """Work until a signal ends it, after the job at hand; ProvingError for a size class that is none."""
    if not sizes or any(size not in SIZES for size in sizes):
        raise ProvingError(f"size classes are {', '.join(SIZES)}")

    @broker.celery.task(name=TASK)
    def prove(id: str) -> None:
        outcome = work(broker, key, str(id))
        log.warning("job %.32s: %s", id, outcome)

    broker.celery.Worker(
        pool="solo",
        queues=[queue(size) for size in sizes],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    ).start()
