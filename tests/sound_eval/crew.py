"""Two processes that score, each with a pipeline of its own. What they run are functions of a module, with values."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from rich.progress import track

from tests.sound_eval.pipeline import Pipeline, running

PROCESSES: Final = 2
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")

Task = TypeVar("Task")
Result = TypeVar("Result")

_pipelines: list[Pipeline] = []
_held = ExitStack()


class Crew:
    """Runs tasks; the results come in the order of the tasks."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, what: str, work: Callable[[Pipeline, Path, Task], Result], tasks: Iterable[Task]) -> list[Result]:
        """Call `work` for each task, with a pipeline and a folder of its own."""
        listed = list(tasks)
        results = self._pool.map(_do, [work] * len(listed), listed)
        return list(track(results, description=what, total=len(listed), transient=True))


@contextmanager
def crew() -> Iterator[Crew]:
    for name in ONE_THREAD:
        os.environ[name] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_begin) as pool:
        yield Crew(pool)


def _begin() -> None:
    _pipelines.append(_held.enter_context(running()))


def _do(work: Callable[[Pipeline, Path, Task], Result], task: Task) -> Result:
    with tempfile.TemporaryDirectory(prefix="sound-eval-") as folder:
        return work(_pipelines[0], Path(folder), task)
