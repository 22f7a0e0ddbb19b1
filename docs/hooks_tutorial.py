"""Pictures and numbers of the tutorial, made from scenarios when the docs are built."""

import re
from functools import cache
from typing import Any

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.figure import pictures
from entrepot.report.scenario_figures import make_figures
from entrepot.scenario import Outcome, Workshop, find_scenario, run

SHOP = Workshop()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill `<!-- figure: SCENARIO FIGURE -->`, `<!-- answers: SCENARIO … -->`."""
    markdown = re.sub(r"<!-- figure: (\S+) (\S+) -->", lambda m: _figure(m[1].split("+"), m[2]), markdown)
    return re.sub(r"<!-- answers: (.+?) -->", lambda m: _answers(m[1].split()), markdown)


@cache
def _outcome(name: str) -> Outcome:
    return run(find_scenario(name), SHOP)


def _figure(names: list[str], figure_id: str) -> str:
    several = frames.cases([_outcome(name) for name in names])
    figure = next(f for f in make_figures(several) if f.id == figure_id)
    picture = pictures(figure.id, figure.chart)["wide"].replace("\n", " ")
    label = f"{figure.title}. The numbers are in figures/{figure.id}.csv of the results."
    return (
        f'<figure style="--line: #8885; margin: 1em 0; width: 100%"><div role="img" aria-label="{label}">'
        f"{picture}</div>"
        f"<figcaption>{figure.caption} Source: {figure.source}.</figcaption></figure>"
    )


def _answers(names: list[str]) -> str:
    """A table of the answers on Vietnam and the United States, by variant."""
    several = frames.cases([_outcome(name) for name in names])
    table = frames.summary(several)
    wanted = (
        ("VNM", "real_income_pct"),
        ("VNM", "exports_to_importer_pct"),
        ("USA", "prices_pct"),
        ("USA", "revenue_change_usd"),
    )
    lines = [
        "| | added duty | real income of Vietnam | its exports to the United States | US prices | US revenue |",
        "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for case in several:
        law = case.variation.law
        assert law is not None  # the tutorial's scenarios change law
        added = {r["origin"]: r["after_rate"] for r in law.iter_rows(named=True)}["VNM"]
        cells = [numbers.rate(added)]
        for economy, outcome in wanted:
            mine = {"label": case.label, "economy": economy, "outcome": outcome}
            row = next(r for r in table.iter_rows(named=True) if mine.items() <= r.items())
            cells.append(numbers.with_range(row["value"], row["low"], row["high"], row["unit"]))
        lines.append(f"| {case.label} | {' | '.join(cells)} |")
    return "\n".join(lines)
