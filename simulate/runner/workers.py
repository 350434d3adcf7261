"""Work on blocks: in this process, on worker processes, or on a cluster."""

from __future__ import annotations

import logging
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Protocol, TypeVar

from simulate.errors import Problem, ScenarioError, SimulateError
from simulate.runner.execute import Block, Progress
from simulate.runner.interrupts import kept_from_children

FEWEST_BLOCKS_FOR_WORKERS = 4
# Starting worker processes takes some two seconds.
SECONDS_WORTH_WORKERS = 5.0
MOST_RESTARTS = 5
LOCAL_CLUSTER = "local"
WATCH = "simulate-watch-parent"
NOTICE = "simulate-notice-deaths"
# A pool notices a death at once, but for one in the midst of a result.
SECONDS_TO_NOTICE = 2.0
SECONDS_TO_ANSWER = 20.0

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
log = logging.getLogger("simulate")


class Work(Protocol[T_co]):
    """What is done with a block; it is sent to workers, so it can be pickled."""

    def prepare(self) -> None:
        """Do once, in this process, what workers then find done: compile."""

    def alone(self, block: Block) -> Work[T_co]:
        """The same work, without what only other blocks need: it is sent with every block."""

    def __call__(self, block: Block, progress: Progress | None = None) -> T_co:
        """Work on a block; the same result wherever it runs."""


def over_blocks(
    work: Work[T],
    blocks: Sequence[Block],
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Block, T]]:
    """Work on every block.

    Parameters
    ----------
    work : Work
        What to do.
    blocks : sequence of Block
        With which.
    workers : int, optional
        Processes. Fewer than four blocks are worked on in this process. If not given, one a core,
        once the first block has shown that the rest takes longer than starting them.
    cluster : str, optional
        Address of a dask scheduler, or "local" for a cluster of local processes, instead.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Yields
    ------
    Block, T
        Each block with its result, in the order in which they are done.

    Raises
    ------
    SimulateError
        If workers die again and again, or the cluster cannot be reached.
    """
    if cluster is not None:
        yield from _on_workers(work, blocks, progress, lambda: _dask(cluster, workers))
        return
    blocks = list(blocks)
    work.prepare()
    if workers is None and blocks:
        started = time.monotonic()
        yield blocks[0], work(blocks[0], progress)
        blocks = blocks[1:]
        is_long = (time.monotonic() - started) * len(blocks) > SECONDS_WORTH_WORKERS
        workers = available_cores() if is_long else 1
    workers = min(workers or 1, len(blocks))
    if workers <= 1 or len(blocks) < FEWEST_BLOCKS_FOR_WORKERS:
        for block in blocks:
            yield block, work(block, progress)
    else:
        yield from _on_workers(work, blocks, progress, lambda: _local_processes(workers))


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


Pool = Callable[[], AbstractContextManager[Any]]


def _on_workers(
    work: Work[T], blocks: Sequence[Block], progress: Progress | None, pool: Pool
) -> Iterator[tuple[Block, T]]:
    """Yield blocks worked on by a pool; a pool whose workers die is started again."""
    # Imported here: small runs do not need it, and it takes time.
    from joblib.externals.loky.process_executor import (  # noqa: PLC0415
        BrokenProcessPool,
    )

    left = dict.fromkeys(blocks)
    for restarts in range(MOST_RESTARTS + 1):
        try:
            with pool() as parallel:
                with kept_from_children():
                    results = parallel(_tasks(work, list(left)))
                for block, result in results:
                    del left[block]
                    if progress:
                        progress(block.stop - block.start)
                    yield block, result
        except BrokenProcessPool as error:
            if restarts == MOST_RESTARTS:
                raise SimulateError(
                    f"a worker process died {restarts + 1} times, each time before it had finished "
                    f"its block: {_cause_of_death(error)}"
                ) from None
            log.warning("a worker process died; its block is taken up again")
        else:
            return


def _cause_of_death(error: Exception) -> str:
    """What joblib knows about a broken pool, and what to do about it."""
    from joblib.externals.loky.process_executor import (  # noqa: PLC0415
        TerminatedWorkerError,
    )

    if isinstance(error, TerminatedWorkerError):
        return "perhaps it was killed for want of memory; try fewer --workers"
    # What it was sent could not be read there, or its result here: the cause ends with the error.
    lines = [line for line in str(error.__cause__ or error).splitlines() if line.strip(' "')]
    return f"{lines[-1].strip()}; has the installation changed meanwhile? try --workers 1"


def _tasks(work: Work[T], blocks: Sequence[Block]) -> Iterator[Any]:
    """Calls for joblib."""
    from joblib import delayed  # noqa: PLC0415

    call = delayed(_named)
    here = platform.node(), os.getpid()
    return (call(work.alone(block), block, *here) for block in blocks)


def _named(work: Work[T], block: Block, host: str, parent: int) -> tuple[Block, T]:
    """Work on a block and say which one it is; process ``parent`` on ``host`` has asked for it."""
    if (platform.node(), os.getppid()) == (host, parent):
        _end_with(parent)
    return block, work(block)


def _end_with(parent: int) -> None:
    """End this worker process soon after its parent has been killed, which joblib does not."""
    if any(thread.name == WATCH for thread in threading.enumerate()):
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name=WATCH, daemon=True).start()


@contextmanager
def _local_processes(workers: int) -> Iterator[Any]:
    """Worker processes of joblib; they are killed when the work is given up."""
    from joblib import Parallel  # noqa: PLC0415
    from joblib.externals.loky import get_reusable_executor  # noqa: PLC0415

    try:
        with _deaths_noticed():
            yield Parallel(
                n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1
            )
    except (KeyboardInterrupt, GeneratorExit, MemoryError, OSError, SimulateError):
        get_reusable_executor(max_workers=workers).shutdown(wait=False, kill_workers=True)
        raise


@contextmanager
def _deaths_noticed() -> Iterator[None]:
    """End a pool that has not noticed the death of a worker.

    A worker that is killed while it writes a result leaves half of it in the pool's pipe, and
    joblib then waits for the other half. Once nobody holds the pipe open to write, it reads that
    there is no more, and takes the pool for broken, as it is.
    """
    from joblib.externals.loky import reusable_executor  # noqa: PLC0415

    is_done = threading.Event()

    def watch() -> None:
        unnoticed: set[int] = set()
        while not is_done.wait(SECONDS_TO_NOTICE):
            executor = reusable_executor._executor
            processes = dict(getattr(executor, "_processes", None) or {})
            dead = {pid for pid, process in processes.items() if not process.is_alive()}
            if dead & unnoticed and not executor._flags.broken:
                for pid in processes.keys() - dead:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                executor._result_queue._writer.close()
                return
            unnoticed = dead

    threading.Thread(target=watch, name=NOTICE, daemon=True).start()
    try:
        yield
    finally:
        is_done.set()


@contextmanager
def _dask(cluster: str, workers: int | None) -> Iterator[Any]:
    """Workers of a dask cluster, through joblib."""
    try:
        import distributed  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        raise ScenarioError(
            [
                Problem(
                    "",
                    "needs the extra dask",
                    cluster,
                    'install it: pip install "simulate-trials[dask]" from the repository',
                    where="--cluster",
                )
            ]
        ) from None
    from joblib import Parallel, parallel_config  # noqa: PLC0415

    with ExitStack() as stack:
        try:
            if cluster == LOCAL_CLUSTER:
                address = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers or available_cores(),
                        threads_per_worker=1,
                        dashboard_address=None,
                    )
                )
            else:
                address = cluster
            stack.enter_context(distributed.Client(address, timeout=SECONDS_TO_ANSWER))
        # An AssertionError: the client's own thread has not started within ten seconds.
        except (OSError, ValueError, TimeoutError, AssertionError) as error:
            reason = str(error) or "the client did not start"
            raise SimulateError(f"{cluster}: no dask scheduler answers there: {reason}") from None
        stack.enter_context(
            parallel_config(backend="dask", wait_for_workers_timeout=SECONDS_TO_ANSWER)
        )
        try:
            yield Parallel(return_as="generator_unordered", batch_size=1)
        except TimeoutError:
            raise SimulateError(
                f"{cluster}: no dask worker came within {SECONDS_TO_ANSWER:g} seconds"
            ) from None
        except (
            CancelledError,
            distributed.comm.CommClosedError,
            distributed.KilledWorker,
        ) as error:
            reason = " ".join(str(error).split())
            raise SimulateError(f"{cluster}: the dask cluster was lost: {reason}") from None
