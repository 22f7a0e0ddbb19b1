"""Charts as Altair objects, and saving them as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import altair as alt
import polars as pl

from entrepot.errors import EntrepotError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette: told apart by readers with any colour vision, and in print."""

LABEL_HEIGHT = 0.045
"""Height of a line of text as a share of the chart's."""


def rate_steps(
    steps: pl.DataFrame, names: Mapping[str, str], events: Mapping[date, str], title: str, source: str
) -> alt.LayerChart:
    """Total rates over time as steps, one line per origin with its name at the end.

    `steps` has on, origin, total_rate (fraction); `names` gives the origins in order with names for people;
    `events` are days to mark, `source` says what the rates rest on.
    """
    rates = alt.InlineData(
        values=[
            {"on": row["on"].isoformat(), "origin": names[row["origin"]], "rate": row["total_rate"]}
            for row in steps.iter_rows(named=True)
        ]
    )
    order = list(names.values())
    colour = alt.Color(
        "origin:N", scale=alt.Scale(domain=order, range=list(COLOURS[: len(order)])), legend=None
    )
    time = alt.X("on:T", title=None, axis=alt.Axis(format="%b %Y", tickCount=10, labelAngle=0))
    line = (
        alt.Chart(rates)
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=time,
            y=alt.Y("rate:Q", title="duty as a share of customs value", axis=alt.Axis(format="%")),
            color=colour,
        )
    )
    ends = (
        steps.sort("on")
        .group_by("origin", maintain_order=True)
        .last()
        .with_columns(peak=steps["total_rate"].max())
    )
    labels = (
        alt.Chart(_ends(ends, names))
        .mark_text(align="left", dx=6, fontSize=13, fontWeight="bold")
        .encode(x="on:T", y="label_at:Q", text="label:N", color=colour)
    )
    layers: list[alt.Chart] = [*_rules(events), line, labels]
    chart: alt.LayerChart = (
        alt.layer(*layers)
        .properties(
            title=alt.Title(title, subtitle=source, anchor="start", fontSize=16),
            width=820,
            height=380,
            padding=12,
        )
        .configure_view(stroke=None)
        .configure_axis(grid=True, gridColor="#e6e6e6", labelFontSize=12, titleFontSize=12)
    )
    return chart


def save(chart: alt.LayerChart, path: Path) -> None:
    """Write a chart as .svg or .png (two pixels a point). Raises EntrepotError if it can't be written."""
    try:
        chart.save(path, scale_factor=2 if path.suffix == ".png" else 1)
    except OSError as error:
        raise EntrepotError(f"{path}: can't be written: {error.strerror or error}") from None


def _ends(ends: pl.DataFrame, names: Mapping[str, str]) -> alt.InlineData:
    """The labels at the ends of the lines, moved apart where they would overlap."""
    rows = ends.sort("total_rate").to_dicts()
    gap = LABEL_HEIGHT * max(float(row["peak"]) for row in rows)
    placed: list[float] = []
    for row in rows:
        rate = float(row["total_rate"])
        placed.append(max(rate, placed[-1] + gap) if placed else rate)
    return alt.InlineData(
        values=[
            {
                "on": row["on"].isoformat(),
                "label_at": at,
                "origin": names[row["origin"]],
                "label": f"{names[row['origin']]} {row['total_rate'] * 100:.1f} %",
            }
            for row, at in zip(rows, placed, strict=True)
        ]
    )


def _rules(events: Mapping[date, str]) -> list[alt.Chart]:
    marks = alt.InlineData(values=[{"on": day.isoformat(), "what": what} for day, what in events.items()])
    base = alt.Chart(marks).encode(x="on:T")
    rule = base.mark_rule(stroke="#999999", strokeDash=[3, 3])
    text = base.mark_text(align="left", dx=4, baseline="top", fontSize=11, color="#555555")
    return [rule, text.encode(y=alt.value(0), text="what:N")]
