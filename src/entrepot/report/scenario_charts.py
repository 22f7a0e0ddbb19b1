"""The charts of a scenario's report, each in any width, in colours that a page can turn dark."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import polars as pl

from entrepot.report.charts import COLOURS
from entrepot.report.places import TILES, name_of

INK, FAINT = "#101112", "#d9dadb"
"""Stand for the page's text and lines; `for_page` puts the page's own colours in their place."""

LOSS, GAIN = "#D55E00", "#0072B2"
NARROW, WIDE = 330, 760


@dataclass(frozen=True)
class Drawing:
    """A chart in one width: its layers, and the rows that they draw, by the names that the layers give them.

    Rows and layers are put together at the end, because the library copies what it combines many times.
    """

    layers: tuple[alt.Chart, ...]
    rows: Mapping[str, list[dict[str, Any]]]
    width: float
    height: float | dict[str, Any]
    padding: float | Mapping[str, float] = 10

    def text(self) -> str:
        """The specification as text, the same for the same chart."""
        return json.dumps(self.spec(), sort_keys=True)

    def spec(self) -> dict[str, Any]:
        """The whole chart as a Vega-Lite specification."""
        layers = [layer.to_dict(validate=False) for layer in self.layers]
        schema = layers[0]["$schema"]
        for layer in layers:  # what a chart says for itself, and a layer may not
            del layer["$schema"], layer["config"]
        size = {"width": self.width, "height": self.height, "padding": self.padding}
        whole = {"$schema": schema, "layer": layers, "config": _config(), "background": "transparent"}
        return whole | size | {"datasets": dict(self.rows)}


def _config() -> dict[str, Any]:
    # Without limits: to find where to cut a label the renderer measures it many times, which was half of all
    # drawing. Labels that may be long are cut by `_cut` instead.
    limits = {"labelLimit": 0, "titleLimit": 0}
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12} | limits
    lines = {"gridColor": FAINT, "domainColor": FAINT, "tickColor": FAINT, "labelSeparation": 6}
    above = {"orient": "top", "direction": "vertical"}
    return {
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "text": {"color": INK, "fontSize": 12},
        "axis": text | {"titleFontWeight": "normal"} | lines,
        "legend": text | {"title": None, "symbolType": "circle", "symbolStrokeWidth": 4} | above,
    }


def for_page(picture: str, prefix: str) -> str:
    """A drawn chart in the colours of the page around it; ids begin with `prefix`."""
    text = picture.replace(INK, "currentColor").replace(FAINT, "var(--line)")
    text = re.sub(r'(id="|url\(#|href="#)', lambda m: m[0] + prefix, text)
    # A picture to the eye; the numbers are in the table beside it, which screen readers can walk through.
    text = re.sub(r'\s(role|aria-[a-z]+)="[^"]*"', "", text)
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', text)
    assert size is not None  # every picture of the renderer has a size
    fluid = f'width="{size[1]}" height="{size[2]}" style="max-width:100%;height:auto;overflow:visible"'
    return text.replace(size[0], fluid, 1)[text.index("<svg") :]


def _layers(name: str) -> alt.Chart:
    """A layer that draws the rows of this name."""
    return alt.Chart(alt.NamedData(name))


def _step(pixels: int) -> dict[str, Any]:
    return {"step": pixels, "for": "offset"}


def _tinted(chart: alt.Chart) -> alt.Chart:
    """Colour by sign and strength (columns `sign`, `strength` 0 to 1), on whatever background."""
    return chart.encode(
        color=alt.Color(
            "sign:N", scale=alt.Scale(domain=["loss", "none", "gain"], range=[LOSS, FAINT, GAIN]), legend=None
        ),
        opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.95]), legend=None),
    )


def _tint(values: Sequence[float]) -> list[dict[str, Any]]:
    """Sign and strength of numbers; the square root keeps small changes visible beside one large one."""
    most = max((abs(v) for v in values), default=0.0) or 1.0
    signs = {-1: "loss", 0: "none", 1: "gain"}
    return [{"sign": signs[(v > 0) - (v < 0)], "strength": (abs(v) / most) ** 0.5} for v in values]


def _cut(pixels: float) -> str:
    """Cuts labels to this width, for text of the usual size."""
    return f"truncate(datum.label, {int(pixels / 6.2)})"


def _colour(labels: Sequence[str], width: int) -> alt.Color:
    palette = [COLOURS[k % len(COLOURS)] for k in range(len(labels))]
    legend = alt.Legend(title=None, labelExpr=_cut(width - 60)) if len(labels) > 1 else None
    return alt.Color("label:N", scale=alt.Scale(domain=list(labels), range=palette), legend=legend)


def ranges(frame: pl.DataFrame, width: int) -> Drawing:
    """Real income by economy and case: points with their ranges, and bands of draws as thin lines with ends.

    `frame` as `scenario_frames.income`.
    """
    labels = frame["label"].unique(maintain_order=True).to_list()
    names = frame["name"].unique(maintain_order=True).to_list()
    base = _layers("rows").encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(grid=True)),
        yOffset=alt.YOffset("label:N", sort=labels),
        color=_colour(labels, width),
    )
    line = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", title="change of real income, percent"), x2=alt.X2("high:Q")
    )
    point = base.mark_point(filled=True, size=55, opacity=1).encode(x=alt.X("value:Q"))
    bands = _bands(base) if "q05" in frame.columns else ()
    zero = _layers("zero").mark_rule(color=INK).encode(x=alt.X("zero:Q"))
    rows = {"rows": frame.to_dicts(), "zero": [{"zero": 0}]}
    height = _step(max(9, 26 // len(labels) + 3))
    return Drawing((zero, line, *bands, point), rows, width - 130, height)


def _bands(base: alt.Chart) -> tuple[alt.Chart, ...]:
    """Thin lines from q05 to q95 with ticks at both ends."""
    line = base.mark_rule(strokeWidth=1).encode(x=alt.X("q05:Q"), x2=alt.X2("q95:Q"))
    ends = [base.mark_tick(thickness=1.5, size=8).encode(x=alt.X(f"{end}:Q")) for end in ("q05", "q95")]
    return (line, *ends)


def tiles(frame: pl.DataFrame, width: int) -> Drawing:
    """A map of tiles of one case: `frame` has economy and value (percent)."""
    inside = [r for r in frame.iter_rows(named=True) if r["economy"] in TILES]
    # On a phone the unit has no room; the caption says it.
    unit = "" if width > 500 else "\N{NO-BREAK SPACE}%"
    placed = [
        {"x": TILES[r["economy"]][0], "y": TILES[r["economy"]][1], "economy": r["economy"]}
        | {"text": r["text"].removesuffix(unit)}
        | tint
        for r, tint in zip(inside, _tint([r["value"] for r in inside]), strict=True)
    ]  # fmt: skip
    base = _layers("rows").encode(
        x=alt.X("x:O", axis=None, scale=alt.Scale(domain=list(range(8)), padding=0.06)),
        y=alt.Y("y:O", axis=None, scale=alt.Scale(domain=list(range(5)), padding=0.06)),
    )
    outline = base.mark_rect(cornerRadius=4, stroke=FAINT, fillOpacity=0)
    tile = _tinted(base.mark_rect(cornerRadius=4))
    size = 13 if width > 500 else 9
    code = base.mark_text(dy=-size * 0.6, fontSize=size, fontWeight="bold").encode(text=alt.Text("economy:N"))
    value = base.mark_text(dy=size * 0.7, fontSize=size).encode(text=alt.Text("text:N"))
    side = width - 20
    return Drawing((tile, outline, code, value), {"rows": placed}, side, side * 0.45)


def duty_steps(frame: pl.DataFrame, names: Mapping[str, str], width: int) -> Drawing:
    """Duty by sector before (tick) and after (point). `frame` as `scenario_frames.duties`."""
    labels = frame["label"].unique(maintain_order=True).to_list()
    order = [names[s] for s in frame["sector"].unique(maintain_order=True)]
    data = frame.with_columns(pl.col("sector").replace(dict(names)).alias("name")).select(
        "label", "name", "before_rate", "after_rate"
    )
    label = alt.Axis(grid=True, labelExpr=_cut(170 if width > 500 else 110))
    base = _layers("rows").encode(
        y=alt.Y("name:N", sort=order, title=None, axis=label),
        yOffset=alt.YOffset("label:N", sort=labels),
        color=_colour(labels, width),
    )  # fmt: skip
    percent = alt.Axis(format="%", tickCount=8 if width > 500 else 4)
    line = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=alt.X("before_rate:Q", title="duty, share of customs value", axis=percent),
        x2=alt.X2("after_rate:Q"),
    )
    old = base.mark_tick(thickness=2, size=9).encode(x=alt.X("before_rate:Q"))
    new = base.mark_point(filled=True, size=45, opacity=1).encode(x=alt.X("after_rate:Q"))
    room = 190 if width > 500 else 130
    height = _step(max(7, 22 // len(labels) + 3))
    return Drawing((line, old, new), {"rows": data.to_dicts()}, width - room, height)


def matrix(frame: pl.DataFrame, width: int) -> Drawing:
    """Purchases that move between suppliers. `frame` as `scenario_frames.diversion`."""
    order = frame["exporter"].unique(maintain_order=True).to_list()
    found = frame.to_dicts()
    rows = [
        {"exporter": r["exporter"], "importer": r["importer"], "text": _short(r["moved_usd"] / 1e9)} | tint
        for r, tint in zip(found, _tint([r["moved_usd"] for r in found]), strict=True)
    ]
    angle = 0 if width > 500 else -90
    base = _layers("rows").encode(
        x=alt.X("importer:N", sort=order, title="buyer", axis=alt.Axis(orient="top", labelAngle=angle)),
        y=alt.Y("exporter:N", sort=order, title="supplier"),
    )
    text = base.mark_text(fontSize=12 if width > 500 else 8).encode(text=alt.Text("text:N"))
    outline = base.mark_rect(stroke=FAINT, fillOpacity=0)
    side = width - 70
    chart = (_tinted(base.mark_rect()), outline, text)
    return Drawing(chart, {"rows": rows}, side, side * (0.6 if width > 500 else 0.9))


def _short(value: float) -> str:
    if abs(value) < 0.05:
        return "·"
    digits = 0 if abs(value) >= 9.95 else 1
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def flow_bands(frame: pl.DataFrame, width: int) -> Drawing:
    """Sales lost on the left flow to those who take them over on the right; widths are USD.

    `frame` as `scenario_frames.taken_over`. Where several lose, each loss is shared in the proportion of all gains.
    """
    lost = [(r["economy"], -r["moved_usd"]) for r in frame.iter_rows(named=True) if r["moved_usd"] < 0]
    won = [(r["economy"], r["moved_usd"]) for r in frame.iter_rows(named=True) if r["moved_usd"] > 0]
    total = sum(v for _, v in lost)
    gains = sum(v for _, v in won) or 1.0
    points: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    gap = 0.06 * total
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
        _layers("bands")
        .mark_area(opacity=0.55)
        .encode(
            x=x,
            y=y,
            y2=alt.Y2("bottom:Q"),
            detail=alt.Detail("band:N"),
            color=alt.Color("to:N", scale=alt.Scale(domain=order, range=colours), legend=None),
        )
    )
    size = 12 if width > 500 else 10
    sided: tuple[tuple[str, Literal["left", "right"]], ...] = (("left", "right"), ("right", "left"))
    texts = [
        _layers(side)
        .mark_text(align=align, fontSize=size, lineBreak="\n")
        .encode(x=alt.X("x:Q"), y=alt.Y("y:Q"), text=alt.Text("text:N"))
        for side, align in sided
    ]
    sides = {side: [m for m in marks if m["side"] == side] for side in ("left", "right")}
    room_around = {"left": room, "right": room, "top": 14, "bottom": 14}
    chart = (bands, *texts)
    return Drawing(chart, {"bands": points, **sides}, width - 2 * room, 340, padding=room_around)


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


def content_points(frame: pl.DataFrame, names: Mapping[str, str], of: str, width: int) -> Drawing:
    """Content against duty by sector. `frame` as `scenario_frames.content_and_duty`."""
    data = frame.with_columns(pl.col("sector").replace(dict(names)).alias("name"))
    base = _layers("rows").encode(
        x=alt.X(
            "content_rate:Q",
            title=f"value of {name_of(of)} in these goods",
            axis=alt.Axis(format="%", tickCount=8 if width > 500 else 4),
            scale=alt.Scale(padding=30),
        ),
        y=alt.Y("after_rate:Q", title="duty after", axis=alt.Axis(format="%")),
    )
    dots = base.mark_point(filled=True, opacity=0.6, color=COLOURS[0]).encode(
        size=alt.Size("value_usd:Q", scale=alt.Scale(range=[30, 900]), legend=None)
    )
    text = base.mark_text(align="left", dx=9, fontSize=11).encode(text=alt.Text("sector:N"))
    return Drawing((dots, text), {"rows": data.to_dicts()}, width - 70, 300)


def timeline(frame: pl.DataFrame, days: Mapping[str, str], width: int) -> Drawing:
    """Rates at every change of law as steps. `frame` has on, origin, total_rate; `days` are marked."""
    data = [
        {"on": r["on"].isoformat(), "label": name_of(r["origin"]), "rate": r["total_rate"]}
        for r in frame.iter_rows(named=True)
    ]
    labels = list(dict.fromkeys(d["label"] for d in data))
    line = (
        _layers("rows")
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(
            x=alt.X("on:T", title=None, axis=alt.Axis(format="%b %y", tickCount=3 if width < 500 else 7)),
            y=alt.Y("rate:Q", title="duty, share of customs value", axis=alt.Axis(format="%")),
            color=_colour(labels, width),
        )
    )
    rule = _layers("days").mark_rule(color=INK, strokeDash=[3, 3]).encode(x=alt.X("on:T"))
    # The first day's name to its left and the others' to their right: the days may lie close together.
    sides: tuple[tuple[str, Literal["left", "right"], int], ...] = (
        ("first", "right", -4),
        ("later", "left", 4),
    )
    texts = [
        _layers(name)
        .mark_text(align=align, dx=dx, dy=-8)
        .encode(x=alt.X("on:T"), y=alt.value(0), text=alt.Text("what:N"))
        for name, align, dx in sides
    ]
    marked = [{"on": day, "what": what} for day, what in sorted(days.items())]
    rows = {"rows": data, "days": marked, "first": marked[:1], "later": marked[1:2]}
    return Drawing((rule, line, *texts), rows, width - 70, 240)
