"""Tables as text, for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def as_text(frame: pl.DataFrame, title: str = "", *, percent: bool = False) -> str:
    """A frame as a table for people: rates in percent (`percent`: every number), money in USD or millions."""
    # Commands that print no table start without the library.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name, kind in frame.schema.items():
        shown = name.removesuffix("_rate") + " %" if name.endswith("_rate") else name
        table.add_column(shown, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(_cell(name, value, percent) for name, value in zip(frame.columns, row, strict=True)))
    console = Console(width=None if sys.stdout.isatty() else 160, file=sys.stdout)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _cell(name: str, value: Any, percent: bool) -> str:
    if value is None:
        return "" if percent else "unknown"
    if name.endswith("_rate") or (percent and isinstance(value, float)):
        return f"{value * 100 + 0.0:.2f}".replace("-0.00", "0.00")
    if name.endswith("_usd"):
        return f"{value:,.2f}" if abs(value) < 1e6 else f"{value / 1e6:,.0f} m"
    return str(value)
