"""The charts of a scenario's report, each in any width, in colours that a page can turn dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from entrepot.report.charts import COLOURS
from entrepot.report.scenario_frames import name_of

INK, FAINT, PAPER = "#101112", "#d9dadb", "#fdfefd"
"""Stand for the page's text, lines and background; `svg` puts the page's own colours in their place."""

LOSS, GAIN = "#D55E00", "#0072B2"
NARROW, WIDE = 330, 760
Chart = alt.LayerChart | alt.Chart

TILES = {
    "CAN": (0, 0), "USA": (0, 1), "MEX": (0, 2), "BRA": (1, 3), "GBR": (2, 0), "EU27": (3, 0), "ROW": (2, 2),
    "IND": (4, 2), "BGD": (5, 2), "CHN": (5, 1), "KOR": (6, 0), "JPN": (7, 0), "TWN": (6, 1), "VNM": (6, 2),
    "PHL": (7, 2), "THA": (5, 3), "KHM": (6, 3), "MYS": (5, 4), "SGP": (6, 4), "IDN": (7, 4),
}  # fmt: skip
"""Columns and rows of a map of tiles, one of the same size for every economy of the embedded world."""


def svg(chart: Chart, prefix: str) -> str:
    """A chart as SVG that takes the colours of the page around it; ids begin with `prefix`."""
    text: str = vl_convert.vegalite_to_svg(chart.to_dict())
    text = text.replace(INK, "currentColor").replace(FAINT, "var(--line)").replace(PAPER, "var(--paper)")
    text = re.sub(r'(id="|url\(#|href="#)', lambda m: m[0] + prefix, text)
    # A picture to the eye; the numbers are in the table beside it, which screen readers can walk through.
    text = re.sub(r'\s(role|aria-[a-z]+)="[^"]*"', "", text)
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', text)
    assert size is not None  # every picture of the renderer has a size
    text = text.replace(size[0], f'width="{size[1]}" height="{size[2]}" style="max-width:100%;height:auto"', 1)
    return text[text.index("<svg") :]


def _styled(chart: Any, width: int, height: Any) -> Any:
    return (
        chart.properties(width=width, height=height, background="transparent", padding=4)
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, titleColor=INK, gridColor=FAINT, domainColor=FAINT, tickColor=FAINT, labelFontSize=12,
            titleFontSize=12, titleFontWeight="normal", labelLimit=200,
        )
        .configure_legend(
            labelColor=INK, titleColor=INK, labelFontSize=12, titleFontSize=12, orient="top", direction="vertical",
            labelLimit=width, title=None, symbolStrokeWidth=0,
        )
        .configure_text(color=INK, fontSize=12)
    )  # fmt: skip


def _rows(frame: pl.DataFrame) -> alt.InlineData:
    return alt.InlineData(values=frame.to_dicts())


def _colour(labels: Sequence[str]) -> alt.Color:
    palette = [COLOURS[k % len(COLOURS)] for k in range(len(labels))]
    legend = alt.Legend() if len(labels) > 1 else None
    return alt.Color("label:N", scale=alt.Scale(domain=list(labels), range=palette), legend=legend)


def ranges(frame: pl.DataFrame, width: int) -> Chart:
    """Real income by economy and case: points with their ranges. `frame` as `scenario_frames.income`."""
    labels = frame["label"].unique(maintain_order=True).to_list()
    names = frame["name"].unique(maintain_order=True).to_list()
    base = alt.Chart(_rows(frame)).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(grid=True)),
        yOffset=alt.YOffset("label:N", sort=labels),
        color=_colour(labels),
    )
    line = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="change of real income, percent"), x2="high:Q"
    )
    point = base.mark_point(filled=True, size=55, opacity=1).encode(x="value:Q")
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=INK).encode(x="zero:Q")
    return _styled(
        alt.layer(zero, line, point), width - 130, alt.Step(max(9, 26 // len(labels) + 3), **{"for": "offset"})
    )  # type: ignore[no-any-return]


def tiles(frame: pl.DataFrame, width: int) -> Chart:
    """A map of tiles of one case: `frame` has economy and value (percent)."""
    placed = [
        {
            "x": TILES[r["economy"]][0],
            "y": TILES[r["economy"]][1],
            "economy": r["economy"],
            "value": r["value"],
            "text": r["text"],
            "shade": _shade(r["value"]),
        }
        for r in frame.iter_rows(named=True)
        if r["economy"] in TILES
    ]
    most = max((abs(p["shade"]) for p in placed), default=0.0) or 1.0
    base = alt.Chart(alt.InlineData(values=placed)).encode(
        x=alt.X("x:O", axis=None, scale=alt.Scale(domain=list(range(8)), padding=0.06)),
        y=alt.Y("y:O", axis=None, scale=alt.Scale(domain=list(range(5)), padding=0.06)),
    )
    tile = base.mark_rect(cornerRadius=4, stroke=FAINT).encode(
        color=alt.Color(
            "shade:Q", scale=alt.Scale(domain=[-most, 0, most], range=[LOSS, PAPER, GAIN]), legend=None
        )
    )
    size = 13 if width > 500 else 9
    code = base.mark_text(dy=-size * 0.6, fontSize=size, fontWeight="bold").encode(text="economy:N")
    value = base.mark_text(dy=size * 0.7, fontSize=size).encode(text="text:N")
    return _styled(alt.layer(tile, code, value), width - 20, (width - 20) * 0.45)  # type: ignore[no-any-return]


def _shade(value: float) -> float:
    """Signed square root: small changes stay visible beside one large loss."""
    root: float = abs(value) ** 0.5
    return root if value > 0 else -root


def duty_steps(frame: pl.DataFrame, names: Mapping[str, str], width: int) -> Chart:
    """Duty by sector before (tick) and after (point). `frame` as `scenario_frames.duties`."""
    labels = frame["label"].unique(maintain_order=True).to_list()
    order = [names[s] for s in frame["sector"].unique(maintain_order=True)]
    data = frame.with_columns(pl.col("sector").replace(dict(names)).alias("name")).select(
        "label", "name", "before_rate", "after_rate"
    )
    base = alt.Chart(_rows(data)).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(grid=True, labelLimit=170 if width > 500 else 110)),
        yOffset=alt.YOffset("label:N", sort=labels),
        color=_colour(labels),
    )  # fmt: skip
    line = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=alt.X("before_rate:Q", title="duty, share of customs value", axis=alt.Axis(format="%")),
        x2="after_rate:Q",
    )
    old = base.mark_tick(thickness=2, size=9).encode(x="before_rate:Q")
    new = base.mark_point(filled=True, size=45, opacity=1).encode(x="after_rate:Q")
    room = 190 if width > 500 else 130
    return _styled(
        alt.layer(line, old, new), width - room, alt.Step(max(7, 22 // len(labels) + 3), **{"for": "offset"})
    )  # type: ignore[no-any-return]


def matrix(frame: pl.DataFrame, width: int) -> Chart:
    """Purchases that move between suppliers. `frame` as `scenario_frames.diversion`."""
    order = frame["exporter"].unique(maintain_order=True).to_list()
    data = frame.with_columns(
        (pl.col("moved_usd") / 1e9).alias("bn"),
        pl.col("moved_usd").map_elements(lambda v: _shade(v / 1e9), return_dtype=pl.Float64).alias("shade"),
    ).with_columns(
        pl.when(pl.col("bn").abs() >= 0.05)
        .then(pl.col("bn").map_elements(_short, return_dtype=pl.String))
        .otherwise(pl.lit("·"))
        .alias("text")
    )
    most = max(abs(v) for v in data["shade"]) or 1.0
    base = alt.Chart(_rows(data)).encode(
        x=alt.X("importer:N", sort=order, title="buyer", axis=alt.Axis(orient="top", labelAngle=0 if width > 500 else -90)),
        y=alt.Y("exporter:N", sort=order, title="supplier"),
    )  # fmt: skip
    tile = base.mark_rect(stroke=FAINT).encode(
        color=alt.Color(
            "shade:Q", scale=alt.Scale(domain=[-most, 0, most], range=[LOSS, PAPER, GAIN]), legend=None
        )
    )
    text = base.mark_text(fontSize=12 if width > 500 else 8).encode(text="text:N")
    return _styled(alt.layer(tile, text), width - 70, (width - 70) * (0.6 if width > 500 else 0.9))  # type: ignore[no-any-return]


def _short(value: float) -> str:
    digits = 0 if abs(value) >= 9.95 else 1
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def flow_bands(frame: pl.DataFrame, width: int) -> Chart:
    """Sales lost on the left flow to those who take them over on the right; widths are USD.

    `frame` as `scenario_frames.taken_over`. Where several lose, each loss is shared in the proportion of all gains.
    """
    lost = [(r["economy"], -r["moved_usd"]) for r in frame.iter_rows(named=True) if r["moved_usd"] < 0]
    won = [(r["economy"], r["moved_usd"]) for r in frame.iter_rows(named=True) if r["moved_usd"] > 0]
    total = sum(v for _, v in lost)
    gains = sum(v for _, v in won) or 1.0
    points: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    gap = 0.035 * total
    left = 0.0
    tops = _stacked([v * total / gains for _, v in won], gap)
    used = [0.0] * len(won)
    for who, value in lost:
        marks.append({"x": -0.02, "y": left + value / 2, "text": _node(who, value), "side": "left"})
        for k, (to, gain) in enumerate(won):
            thick = value * gain / gains
            ends = (left, tops[k] + used[k])
            points += [_point(who, to, step / 20, ends, thick) for step in range(21)]
            used[k] += thick
            left += thick
        left += gap
    for k, (to, gain) in enumerate(won):
        middle = tops[k] + gain * total / gains / 2
        marks.append({"x": 1.02, "y": middle, "text": _node(to, gain), "side": "right"})
    room = 150 if width > 500 else 92
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.02, 1.02], nice=False))
    y = alt.Y("top:Q", axis=None, scale=alt.Scale(reverse=True, nice=False))
    order = [to for to, _ in won]
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(order))]
    bands = (
        alt.Chart(alt.InlineData(values=points))
        .mark_area(opacity=0.55)
        .encode(
            x=x,
            y=y,
            y2="bottom:Q",
            detail="band:N",
            color=alt.Color("to:N", scale=alt.Scale(domain=order, range=colours), legend=None),
        )
    )
    size = 12 if width > 500 else 10
    texts = [
        alt.Chart(alt.InlineData(values=[m for m in marks if m["side"] == side]))
        .mark_text(align=align, fontSize=size, lineBreak="\n")
        .encode(x="x:Q", y=alt.Y("y:Q"), text="text:N")
        for side, align in (("left", "right"), ("right", "left"))
        if any(m["side"] == side for m in marks)
    ]
    chart = _styled(alt.layer(bands, *texts), width - 2 * room, 330 if width > 500 else 300)
    return chart.properties(padding={"left": room, "right": room, "top": 12, "bottom": 12})  # type: ignore[no-any-return]


def _node(code: str, usd: float) -> str:
    name = {"other gains": "others", "other losses": "others"}.get(code) or name_of(code)
    return f"{name}\n{usd / 1e9:.1f} bn" if usd >= 0.05e9 else f"{name}\n{usd / 1e6:.0f} m"


def _stacked(sizes: Sequence[float], gap: float) -> list[float]:
    tops, at = [], 0.0
    for size in sizes:
        tops.append(at)
        at += size + gap
    return tops


def _point(who: str, to: str, t: float, ends: tuple[float, float], thick: float) -> dict[str, Any]:
    """A point of a band that runs smoothly from one end to the other."""
    smooth = t * t * (3 - 2 * t)
    top = ends[0] + (ends[1] - ends[0]) * smooth
    return {"band": f"{who}>{to}", "to": to, "x": t, "top": top, "bottom": top + thick}


def content_points(frame: pl.DataFrame, names: Mapping[str, str], width: int, of: str) -> Chart:
    """Content against duty by sector. `frame` as `scenario_frames.content_and_duty`."""
    data = frame.with_columns(pl.col("sector").replace(dict(names)).alias("name"))
    base = alt.Chart(_rows(data)).encode(
        x=alt.X("content_rate:Q", title=f"value of {name_of(of)} in these goods", axis=alt.Axis(format="%")),
        y=alt.Y("after_rate:Q", title="duty after", axis=alt.Axis(format="%")),
    )
    dots = base.mark_point(filled=True, opacity=0.6, color=COLOURS[0]).encode(
        size=alt.Size("value_usd:Q", scale=alt.Scale(range=[30, 900]), legend=None)
    )
    text = base.mark_text(align="left", dx=9, fontSize=11).encode(text="sector:N")
    return _styled(alt.layer(dots, text), width - 60, 300)  # type: ignore[no-any-return]


def timeline(frame: pl.DataFrame, days: Mapping[str, str], width: int) -> Chart:
    """Rates at every change of law as steps. `frame` has on, origin, total_rate; `days` are marked."""
    data = [
        {"on": r["on"].isoformat(), "label": name_of(r["origin"]), "rate": r["total_rate"]}
        for r in frame.iter_rows(named=True)
    ]
    labels = list(dict.fromkeys(d["label"] for d in data))
    line = (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(
            x=alt.X("on:T", title=None, axis=alt.Axis(format="%b %y", tickCount=4 if width < 500 else 9)),
            y=alt.Y("rate:Q", title="duty, share of customs value", axis=alt.Axis(format="%")),
            color=_colour(labels),
        )
    )
    marks = alt.Chart(
        alt.InlineData(values=[{"on": day, "what": what} for day, what in days.items()])
    ).encode(x="on:T")
    rule = marks.mark_rule(color=INK, strokeDash=[3, 3])
    text = marks.mark_text(align="left", dx=3, baseline="top").encode(y=alt.value(0), text="what:N")
    return _styled(alt.layer(rule, line, text), width - 60, 240)  # type: ignore[no-any-return]
