"""A figure of a report: a chart with its numbers, its caption and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from entrepot.report.press import picture
from entrepot.report.tables import Column, crossed, table

if TYPE_CHECKING:
    from entrepot.report.scenario_charts import Drawing


@dataclass(frozen=True)
class Figure:
    """A chart with its numbers: `frame` is what it draws, what its table shows and what figures/ID.csv holds.

    `matrix` says that the table is to have a column for each entry of the second of its three columns.
    """

    id: str
    title: str
    caption: str
    source: str
    frame: pl.DataFrame
    columns: tuple[Column, ...]
    chart: Callable[[int], Drawing] | None
    matrix: bool = False

    def table(self) -> str:
        """Its numbers as a table of HTML."""
        caption = f"{self.title}. With all digits: figures/{self.id}.csv"
        frame, columns = crossed(self.frame, self.columns) if self.matrix else (self.frame, self.columns)
        return table(frame, columns, name=self.id, caption=caption)


def pictures(name: str, chart: Callable[[int], Drawing] | None) -> dict[str, str]:
    """A figure's chart as SVG, wide and for phones, by kind; none for a table alone.

    A function of the chart alone: what the rest of a figure needs is slow to load where only pictures are drawn.
    """
    if chart is None:
        return {}
    from altair.utils.schemapi import debug_mode  # noqa: PLC0415

    from entrepot.report.scenario_charts import NARROW, WIDE, for_page  # noqa: PLC0415

    widths = {"wide": WIDE, "narrow": NARROW}
    with debug_mode(False):  # tests check the charts against the schema; every run needn't
        specs = {kind: chart(width).text() for kind, width in widths.items()}
    return {kind: for_page(picture(spec), f"{name}-{kind}-") for kind, spec in specs.items()}


def chart(name: str, *given: Any) -> Callable[[int], Drawing]:
    """A chart of `scenario_charts` without its width."""
    return partial(_chart, name, given)


def _chart(name: str, given: tuple[Any, ...], width: int) -> Drawing:
    # Late: the process that computes hands charts over to be drawn and has no need of the library.
    from entrepot.report import scenario_charts  # noqa: PLC0415

    drawing: Drawing = getattr(scenario_charts, name)(*given, width)
    return drawing
