"""Where the pictures of a page are drawn: here, or in a process beside the one that computes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from threading import current_thread, main_thread
from typing import Any, Protocol, TypeVar

import polars as pl

from entrepot.errors import EntrepotError

Made = TypeVar("Made")


class Press(Protocol):
    """Calls a function of a module with some arguments, at once or later; gives a way to wait for the result."""

    def __call__(self, make: Callable[..., Made], *given: Any) -> Callable[[], Made]:
        """Start, and return what waits for the result."""


def here(make: Callable[..., Made], *given: Any) -> Callable[[], Made]:
    """Make it here and now."""
    made = make(*given)
    return lambda: made


@contextmanager
def beside() -> Iterator[Press]:
    """Make things in a process of its own, which warms up at once.

    A process and not a thread: the renderer keeps the interpreter's lock while it draws. Several threads may
    ask at a time. Results raise EntrepotError where the process was ended from outside.
    """
    # Started afresh, not forked: libraries that are loaded by now have threads, which a fork would cut.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_make_ready)
    with _no_interrupts():
        pool.submit(str)

    def there(make: Callable[..., Made], *given: Any) -> Callable[[], Made]:
        job = pool.submit(make, *given)
        return lambda: _waited(job)

    try:
        yield there
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """A process that is started here leaves interrupts to the one that started it, from its first moment on."""
    if current_thread() is not main_thread():  # only there can signals be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _waited(job: Future[Made]) -> Made:
    try:
        return job.result()
    except BrokenProcessPool:
        raise EntrepotError(
            "the process that draws the charts was ended from outside (too little memory?); run again"
        ) from None


@lru_cache(maxsize=256)
def picture(spec: str) -> str:
    """A Vega-Lite specification (JSON) drawn as SVG; pages side by side share many."""
    import vl_convert  # noqa: PLC0415  # the process that computes has no need of it

    return str(vl_convert.vegalite_to_svg(spec))


def _make_ready() -> None:
    """In the process: load what draws, and let it compile itself."""
    from entrepot.report import scenario_charts as charts  # noqa: PLC0415

    rows = [{"label": f"{k % 2}", "name": f"{k}", "value": k, "low": 0, "high": k} for k in range(16)]
    for width in (charts.WIDE, charts.NARROW):
        picture(charts.ranges(pl.DataFrame(rows), width).text())
