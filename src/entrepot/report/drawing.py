"""Vega-Lite specifications drawn as SVG, here or in a process beside the one that computes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context

from entrepot.errors import EntrepotError

Draw = Callable[[Sequence[str]], list[str]]
"""Takes specifications (JSON) and gives their pictures (SVG), in the same order."""


@lru_cache(maxsize=256)
def _picture(spec: str) -> str:
    """One picture; pages side by side share many."""
    import vl_convert  # noqa: PLC0415  # the process that computes has no need of it

    return str(vl_convert.vegalite_to_svg(spec))


def draw(specs: Sequence[str]) -> list[str]:
    """Draw here and now."""
    return [_picture(spec) for spec in specs]


@contextmanager
def beside() -> Iterator[Draw]:
    """Draw in a process of its own, which warms up at once.

    A process and not a thread: the renderer keeps the interpreter's lock while it draws. Several threads may
    draw at a time. Raises EntrepotError where the process is ended from outside.
    """
    # Started afresh, not forked: libraries that are loaded by now have threads, which a fork would cut.
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_make_ready)
    pool.submit(draw, [])

    def there(specs: Sequence[str]) -> list[str]:
        try:
            return list(pool.map(_picture, specs))
        except BrokenProcessPool:
            raise EntrepotError(
                "the process that draws the charts was ended from outside (too little memory?); run again"
            ) from None

    try:
        yield there
    finally:
        pool.shutdown(cancel_futures=True)


def _make_ready() -> None:
    """In the process: leave interrupts to the one that computes, and let the renderer compile itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    draw([_SMALL])


_SMALL = '{"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}'
