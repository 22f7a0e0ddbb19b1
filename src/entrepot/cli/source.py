"""`entrepot source`: the cheapest choice of suppliers under a cap, a rule and a law."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import (
    BillArgument,
    BookOf,
    FactOption,
    OnOption,
    ToOption,
    WithOption,
    WorldOption,
    book_for,
    estimator,
    parse_facts,
)
from entrepot.cli.output import Format, FormatOption, OutOption, emit, key_values, note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.origin.sourcing import Plan, Planner


def source(
    bill: BillArgument,
    cap: Annotated[
        list[str] | None,
        typer.Option("--cap", help="Most content of an economy: CHN=0.30; repeatable.", show_default=False),
    ] = None,
    qualify: Annotated[
        str | None, typer.Option("--qualify", help="Rule set to qualify under.", show_default=False)
    ] = None,
    frontier: Annotated[
        bool, typer.Option("--frontier", help="Cost for every cap, of the first --cap's economy.")
    ] = False,
    points: Annotated[int, typer.Option("--points", help="Points of the frontier.")] = 20,
    to: ToOption = None,
    on: OnOption = None,
    book: BookOf = None,
    overlays: WithOption = None,
    facts: FactOption = None,
    evade: Annotated[
        str | None,
        typer.Option(
            "--evade",
            help="Rates paid unfound and found, e.g. 0.20,0.40: from which risk does keeping the cap pay?",
            show_default=False,
        ),
    ] = None,
    lead_time: Annotated[
        int | None, typer.Option("--lead-time", help="Longest lead time in days.", show_default=False)
    ] = None,
    world: WorldOption = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """The cheapest suppliers that keep a cap or qualify, the price of the cap, and the frontier."""
    from entrepot.origin.read import read_bill
    from entrepot.origin.rulesets import find_rules
    from entrepot.origin.sourcing import Law, Planner

    read = read_bill(bill)
    caps = _caps(cap or [])
    found, when = book_for(to, on, book, overlays)
    law = None
    if found is not None and when is not None:
        law = Law(found, when, "", tuple(parse_facts(facts)))
    planner = Planner(
        read,
        qualify=find_rules(qualify) if qualify else None,
        law=law,
        lead_time_days=lead_time,
        estimate=estimator(world),
    )
    if frontier:
        _frontier(planner, caps, points, form, out)
        return
    plan = planner.best(caps)
    _emit(plan, planner.best({}), caps, form, out, taxed=law is not None)
    if evade is not None:
        _evade(planner, plan, evade)
    elif form is Format.table and caps:
        _price(planner, caps)
    note(plan.left_out)


def _caps(texts: list[str]) -> dict[str, float]:
    from entrepot import economies
    from entrepot.errors import BillError

    caps = {}
    for text in texts:
        name, equals, share = text.partition("=")
        try:
            value = float(share.rstrip("% ")) / (100 if share.strip().endswith("%") else 1)
        except ValueError:
            value = -1.0
        if not equals or not 0 <= value <= 1:
            raise BillError(
                f"--cap {text!r}: write ECONOMY=SHARE with a share from 0 to 1, e.g. CHN=0.30 or CHN=30%"
            )
        caps[economies.find(name)] = value
    return caps


def _emit(
    plan: Plan, free: Plan, caps: Mapping[str, float], form: Format, out: Path | None, *, taxed: bool
) -> None:
    import polars as pl

    from entrepot.origin.bill import shown, walk

    nodes = dict(walk(plan.bill.root))
    rows = [
        (path, supplier, origin, float(nodes[path].value_usd))
        for path, (supplier, origin) in sorted(plan.picks.items())
    ]
    schema = {"part": pl.String, "supplier": pl.String, "origin": pl.String, "value_usd": pl.Float64}
    emit(pl.DataFrame(rows, schema=schema, orient="row"), form, out, title=f"{plan.bill.name}: what changes")
    if form is not Format.table or out is not None:
        return
    lines: dict[str, object] = {
        "delivered before duty": f"{shown(plan.cost_usd):>12} USD",
        **(
            {f"duty at {plan.duty_rate * 100:.4g} %": f"{shown(plan.duty_usd):>12} USD"}
            if taxed
            else {"duty": "left out: no --to and --on"}
        ),
        "landed": f"{shown(plan.landed_usd):>12} USD",
        "cheapest without cap": f"{shown(free.landed_usd):>12} USD",
    }
    for economy in caps or ("CHN",):
        lines[f"content of {economy}"] = (
            f"{plan.content.share(economy)} (without cap {free.content.share(economy)})"
        )
    for used in plan.used:
        lines[used.text] = f"{used.share * 100:.2f} %"
    if plan.lead_time_days is not None:
        lines["longest lead time"] = f"{plan.lead_time_days} days"
    sys.stdout.write(key_values(lines))


def _price(planner: Planner, caps: Mapping[str, float]) -> None:
    from entrepot.origin.frontier import shadow_price

    for economy in caps:
        price = shadow_price(planner, economy, caps)
        sys.stdout.write(f"one more point of {economy} would save {price:,.4f} USD a product\n")


def _evade(planner: Planner, plan: Plan, rates: str) -> None:
    from entrepot.errors import BillError
    from entrepot.origin.frontier import break_even

    try:
        low, high = (float(word.rstrip("% ")) / (100 if "%" in word else 1) for word in rates.split(","))
    except ValueError:
        raise BillError(f"--evade {rates!r}: write two rates, unfound and found, e.g. 0.20,0.40") from None
    cheap = planner.cheapest_untaxed()
    answer = break_even(plan, cheap, low, high)
    sys.stdout.write(
        f"keeping the cap lands at {answer.comply_usd:,.2f} USD; without it {answer.unfound_usd:,.2f} USD unfound, "
        f"{answer.found_usd:,.2f} USD found: {answer}\n"
    )


def _frontier(
    planner: Planner, caps: Mapping[str, float], points: int, form: Format, out: Path | None
) -> None:
    import polars as pl
    from rich.console import Console
    from rich.progress import Progress

    from entrepot.origin.frontier import frontier

    economy = next(iter(caps), "CHN")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"caps on {economy}", total=points)
        found = frontier(
            planner,
            economy,
            points=points,
            caps=caps,
            on_point=lambda done: progress.update(task, completed=done),
        )
    rows = [
        (
            point.cap,
            point.share,
            float(point.plan.cost_usd),
            point.plan.duty_rate,
            float(point.plan.landed_usd),
            round(point.per_point_usd, 4),
            len(point.plan.picks),
        )
        for point in found
    ]
    schema = [
        "cap_rate",
        "content_rate",
        "delivered_usd",
        "duty_rate",
        "landed_usd",
        "per_point_usd",
        "changed_parts",
    ]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    emit(frame, form, out, title=f"{planner.choice.bill.name}: landed cost by cap on {economy}")
    note([f"per point: what the last percentage point of the cap on {economy} cost"])
