"""Content by origin and sector as a chart."""

from __future__ import annotations

import altair as alt
import polars as pl

from entrepot.report.charts import COLOURS

OTHERS = "others"
SHOWN = 5
"""Origins with a colour of their own; a sixth colour is for the others, grey for the exporter itself."""


def content_bars(shares: pl.DataFrame, *, into: str, first: str, title: str, subtitle: str) -> alt.LayerChart:
    """One bar per sector, as long as its exports are whole, in parts by origin; sectors by value, largest on
    top.

    `shares` has sector, origin, content_usd, content_rate. The exporter `into` is grey on the right, the
    origin asked for, `first`, on the left; of the others the largest have colours.
    """
    totals = shares.group_by("origin").agg(pl.col("content_usd").sum()).sort("content_usd", descending=True)
    others = [o for o in totals["origin"] if o not in (into, first)]
    named = [first, *others[: SHOWN - 1]]
    order = [*named, OTHERS, into] if into != first else [*named, OTHERS]
    grouped = (
        shares.with_columns(
            pl.when(pl.col("origin").is_in(order)).then("origin").otherwise(pl.lit(OTHERS)).alias("origin")
        )
        .group_by("sector", "origin")
        .agg(pl.col("content_rate").sum(), pl.col("content_usd").sum())
    )
    sold = grouped.group_by("sector").agg(pl.col("content_usd").sum()).sort("content_usd", descending=True)
    labels = {s: f"{s}  {v / 1e9:,.1f} bn USD" for s, v in sold.iter_rows()}
    rows = [
        {
            "sector": labels[r["sector"]],
            "origin": r["origin"],
            "rate": r["content_rate"],
            "at": order.index(r["origin"]),
        }
        for r in grouped.sort("sector", "origin").iter_rows(named=True)
    ]
    colours = [*COLOURS[1:2], COLOURS[0], *COLOURS[2 : len(named)], "#999999", "#e3e3e3"][: len(order)]
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X(
                "sum(rate):Q",
                title="share of gross exports",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            y=alt.Y("sector:N", title=None, sort=list(labels.values())),
            color=alt.Color("origin:N", title="value of", scale=alt.Scale(domain=order, range=colours)),
            order=alt.Order("at:Q"),
        )
    )
    heading = alt.Title(
        title, subtitle=subtitle, anchor="start", fontSize=16, subtitleFontSize=12, subtitlePadding=4
    )
    chart: alt.LayerChart = (
        alt.layer(bars)
        .properties(title=heading, width=680, height=alt.Step(24), padding=12)
        .configure_view(stroke=None)
        .configure_axis(gridColor="#e6e6e6", labelFontSize=12, titleFontSize=12, labelLimit=260)
        .configure_legend(labelFontSize=12, titleFontSize=12)
    )
    return chart
