"""A desk where reports are drawn and written, in a process of its own, while the next scenario is computed."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from entrepot.errors import ScenarioError
from entrepot.scenario import Outcome


class Desk:
    """Takes outcomes and writes their folders below `out`, in the order in which they come.

    A process and not a thread: the renderer of the charts keeps the interpreter's lock while it draws.
    """

    def __init__(self, pool: ProcessPoolExecutor, out: Path) -> None:
        self._pool, self._out = pool, out
        self._taken: list[Future[Path]] = []

    def take(self, outcome: Outcome) -> None:
        """Draw and write the report of one scenario."""
        self._taken.append(self._pool.submit(_one, outcome, self._out))

    def compare(self, outcomes: Sequence[Outcome], name: str) -> None:
        """Draw and write several scenarios side by side."""
        self._taken.append(self._pool.submit(_several, list(outcomes), self._out, name))

    def folders(self) -> list[Path]:
        """The folders of everything taken, when all is written. Raises ScenarioError for what couldn't be."""
        try:
            return [folder.result() for folder in self._taken]
        except BrokenProcessPool:
            raise ScenarioError(
                f"{self._out}: the process that draws the reports was ended from outside (too little memory?); "
                "run it again"
            ) from None


@contextmanager
def open_desk(out: Path) -> Iterator[Desk]:
    """A desk that gets itself ready at once; on an interrupt it ends what it is at and drops the rest."""
    # Started afresh, not forked: the libraries of tables and of pictures have threads that a fork would cut.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_make_ready)
    pool.submit(_nothing)
    try:
        yield Desk(pool, out)
    except KeyboardInterrupt:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown()


def _make_ready() -> None:
    """In the process: leave interrupts to the one that computes, and let the renderer compile itself."""
    from entrepot.report.scenario import warm_up  # noqa: PLC0415  # only this process needs the charts

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warm_up()


def _nothing() -> None:
    """Start the process."""


def _one(outcome: Outcome, out: Path) -> Path:
    from entrepot.report.scenario import report_files  # noqa: PLC0415
    from entrepot.scenario.write import write_outcome  # noqa: PLC0415

    return write_outcome(outcome, out, report_files(outcome))


def _several(outcomes: list[Outcome], out: Path, name: str) -> Path:
    from entrepot.report.scenario import comparison_page  # noqa: PLC0415
    from entrepot.scenario.write import write_comparison  # noqa: PLC0415

    return write_comparison(outcomes, out, name, comparison_page(outcomes))
