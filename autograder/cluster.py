"""Mark submissions on the workers of a Dask cluster: of this machine, started for one grading, or one that runs.

A worker marks with its own installation of the course, so it must be the same one: `why_not` asks every worker. A
worker that dies loses nothing: Dask gives what it had to another one. At most two submissions for each thread of the
cluster are on their way at any time.
"""

import contextlib
import functools
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from distributed import Client, LocalCluster, wait

from autograder import sandbox
from autograder.notebook_file import read_notebook
from autograder.version import environment
from autograder.workers import Marked, Task, cool_down, run

RETRIES = 3
CONNECT_SECONDS = 20
LOOK_SECONDS = 5
LONELY_SECONDS = 120
FAREWELL_SECONDS = 30


def why_not(scheduler: str) -> str:
    """Why nothing can be marked by the workers of this scheduler, and what to do, in a sentence; "" where it can."""
    try:
        with _client(scheduler) as client:
            found = client.run(_able)
    except (OSError, ValueError) as error:
        return f"The Dask scheduler {scheduler} does not answer ({error}): start it, or look at its address."
    if not found:
        return f"The Dask scheduler {scheduler} has no workers: start some, with `dask worker {scheduler}`."
    for address, (obstacle, version) in sorted(found.items()):
        if obstacle:
            return f"The worker {address} cannot mark. {obstacle}"
        if version != environment():
            return f"The worker {address} has another version of the course or its packages: install the same ones."
    return ""


def _able() -> tuple[str, str]:
    """What keeps this worker from marking, and the hash of what its marks depend on."""
    return sandbox.why_not(), environment()


def mark_there(tasks: list[Task], workers: int, scheduler: str | None) -> Iterator[Marked]:
    """Yield what came of each task, by so many processes of this machine or by those of the scheduler.

    Raises OSError where the scheduler does not answer, or has had no workers for LONELY_SECONDS.
    """
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = functools.partial(LocalCluster, n_workers=workers, threads_per_worker=1, dashboard_address=None)
                own = stack.enter_context(start(host="127.0.0.1", silence_logs=logging.CRITICAL))
            scheduler = own.scheduler_address
        client = stack.enter_context(_client(scheduler))
        stack.callback(_say_farewell, client)
        yield from _mark_with(client, iter(tasks))


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler, without Dask's log; raises OSError where it does not answer."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            yield client
    finally:
        log.setLevel(level)


def _mark_with(client: Client, tasks: Iterator[Task]) -> Iterator[Marked]:
    lessons, pending, last_seen = {}, {}, time.monotonic()
    while True:
        threads = sum(client.nthreads().values())
        for task in islice(tasks, max(0, 2 * max(1, threads) - len(pending))):
            notebook, fault = read_notebook(task.path)
            if fault:
                yield Marked(task.identity, problem=fault)
                continue
            if task.lesson not in lessons:
                lessons[task.lesson] = client.submit(_same, task.lesson, pure=False)
            arguments = (lessons[task.lesson], task.identity, notebook, task.key)
            pending[client.submit(run, *arguments, pure=False, retries=RETRIES)] = task.identity, notebook
        if not pending:
            return
        with contextlib.suppress(TimeoutError), client.as_current():
            wait(list(pending), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
        for future in [future for future in pending if future.done()]:
            identity, notebook = pending.pop(future)
            if future.status == "finished":
                yield replace(future.result(), notebook=notebook)
            else:
                yield Marked(identity, problem=f"its worker died {RETRIES + 1} times: is there memory enough?")
        last_seen = time.monotonic() if threads else last_seen
        if time.monotonic() - last_seen > LONELY_SECONDS:
            raise OSError(f"the Dask scheduler {client.scheduler.address} has no workers any more")


def _same(lesson):
    """The lesson; as a task of its own, Dask hands it to each worker once, and again where one is new."""
    return lesson


def _say_farewell(client: Client) -> None:
    """Have every worker end its warm lesson."""
    with contextlib.suppress(Exception), client.as_current():
        workers = list(client.nthreads())
        wait([client.submit(cool_down, workers=[one], pure=False) for one in workers], timeout=FAREWELL_SECONDS)
