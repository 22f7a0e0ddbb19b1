"""The embedded world under other readings of its weakest facts: what a range is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from entrepot.world.accounts import ratio
from entrepot.world.aggregate import to_table
from entrepot.world.checks import Float
from entrepot.world.estimate import Prior, estimate
from entrepot.world.facts import Facts
from entrepot.world.reference import reference, reference_facts, world_of
from entrepot.world.table import World, dataset

ROUNDS = 12
"""Enough for content to three digits; the shipped world takes more."""

MIRROR = {("CHN", "VNM"): (111 / 126, 149 / 126)}
"""Bilateral goods totals as the two sides report them, relative to the mean that is used."""

USUAL_MIRROR = (0.85, 1.15)
"""The same where no second report was at hand: an assumption, about as wide as the one that is known."""

ELECTRONICS = (0.85, 1.15)
FINAL_IMPORTS = 0.25
"""Imports in final use are cut to this part: an assembler's imports go into its products."""


@dataclass(frozen=True)
class Variant:
    """The embedded world with one thing changed, and what was changed, in words."""

    label: str
    world: World


def variants(of: str, into: str) -> Iterator[Variant]:
    """Readings of the facts that matter to what `into` makes out of goods from `of`, one by one.

    The pair's total as either side reports it, its electronics 15 % less and more where a fact fixes them,
    other starting points for the estimate, and imports kept for intermediate use. Raises `UnknownCode` for an
    economy that the embedded world does not have.
    """
    facts = reference_facts()
    i, j = reference().economy_index(of), reference().economy_index(into)
    if i != j:
        for factor in MIRROR.get((of, into), USUAL_MIRROR):
            total = facts.goods_trade[i, j] * factor / 1e9
            yield Variant(f"{of} to {into} {total:,.0f} bn USD", _estimated(_with_total(facts, i, j, factor)))
        for factor in ELECTRONICS:
            changed = _with_share(facts, f"{of}>{into} ELC", factor)
            if changed is not None:
                yield Variant(f"electronics of {of} to {into} x {factor:g}", _estimated(changed))
    starts: tuple[tuple[Prior, str], ...] = (
        ("flat", "one mix of goods for all pairs"),
        ("observed", "US imports alone"),
        ("structure", "production alone"),
    )
    for prior, words in starts:
        yield Variant(f"starting from {words}", _estimated(facts, prior))
    if i != j:
        kept = keep_imports_for_use(reference(), into, FINAL_IMPORTS)
        yield Variant(f"imports of {into} kept for intermediate use", kept)


def keep_imports_for_use(world: World, economy: str, factor: float) -> World:
    """A table in which final use in one economy draws `factor` times the imports that proportionality gives
    it.

    Intermediate use takes up the rest as far as it can; flows, outputs and value added stay.
    Raises `UnknownCode` for an economy the world does not have.
    """
    j = world.economy_index(economy)
    table = to_table(world)
    Z, F = table.data["intermediate"].values.copy(), table.data["final"].values.copy()
    abroad = np.arange(len(world.economies)) != j
    used, final = Z[:, :, j].sum(axis=2), F[:, :, j]
    imports = (used + final)[abroad].sum(axis=0)
    moved = np.minimum((1 - factor) * final[abroad].sum(axis=0), used[j])
    share = ratio(moved, final[abroad].sum(axis=0))
    final = np.where(abroad[:, None], final * (1 - share), final + moved)
    flow = used + F[:, :, j]
    F[:, :, j] = final
    Z[:, :, j] *= ratio(flow - final, used)[:, :, None]
    assert np.allclose((Z[:, :, j].sum(axis=2) + final)[abroad].sum(axis=0), imports)
    kept = {k: v for k, v in table.data.attrs.items() if k != "closed"}
    added = table.output.values - Z.sum(axis=(0, 1))
    return World(
        dataset(table.economies, table.sectors, {"intermediate": Z, "final": F, "value_added": added}, **kept)
    )


def _estimated(facts: Facts, prior: Prior = "pooled") -> World:
    return world_of(estimate(facts, prior=prior, rounds=ROUNDS))


def _with_total(facts: Facts, i: int, j: int, factor: float) -> Facts:
    trade: Float = facts.goods_trade.copy()
    trade[i, j] *= factor
    return replace(facts, goods_trade=trade)


def _with_share(facts: Facts, name: str, factor: float) -> Facts | None:
    """The facts with one fitted share multiplied, or nothing where there is no such fact."""
    if name not in {c.id for c in facts.constraints if c.fit}:
        return None
    return facts.with_constraints(
        tuple(replace(c, share=c.share * factor) if c.id == name else c for c in facts.constraints)
    )
