"""Which invariants a world must meet, by what it holds."""

from typing import TYPE_CHECKING

import numpy as np

from entrepot.world.checks import Finding, Labels, agree, at_most, no_gaps, non_negative

if TYPE_CHECKING:
    from entrepot.world.table import World

MAY_BE_NEGATIVE = {"deficit", "final", "value_added", "taxes"}
"""Deficits by nature; in published tables final demand (stocks run down), value added and taxes too."""

HIGHEST_TARIFF = 20.0
"""A base duty above 2,000 percent on a whole sector is a unit error; the highest real ones are near 1,000."""


def findings(world: "World", tolerance: float) -> list[Finding]:
    """Every invariant that applies to the world, measured."""
    found = _cells(world)
    if any(f.invariant.endswith("is a number") and not f.holds for f in found):
        return found  # sums over gaps would only repeat them
    found += _shares(world, tolerance)
    if world.is_table:
        found += _table(world, tolerance)
    if world.has("flow"):
        found += _flows(world, tolerance)
    return found


def _labels(world: "World", dims: tuple[str, ...]) -> Labels:
    return [world.sectors if "sector" in d else world.economies for d in dims]


def _cells(world: "World") -> list[Finding]:
    found = []
    for name, array in world.data.data_vars.items():
        dims = tuple(str(d) for d in array.dims)
        labels = _labels(world, dims)
        found.append(no_gaps(str(name), array.values, dims, labels))
        if name not in MAY_BE_NEGATIVE and found[-1].holds:
            found.append(non_negative(str(name), array.values, dims, labels))
    if "tariff" in world.data:
        dims = ("exporter", "importer", "sector")
        advice = "tariffs are fractions (0.2 for 20 %): divide by 100 if these are percent"
        found.append(
            at_most(
                f"tariff <= {HIGHEST_TARIFF:g}",
                world.tariff.values,
                HIGHEST_TARIFF,
                dims,
                _labels(world, dims),
                advice=advice,
            )
        )
    return found


def _shares(world: "World", tolerance: float) -> list[Finding]:
    found = []
    pair = ("economy", "using_sector")
    ones = np.ones((len(world.economies), len(world.sectors)))
    if {"value_added_share", "input_coefficient"} & set(world.data.data_vars):
        cost = world.value_added_share.values + world.input_coefficient.values.sum(axis=1)
        found.append(
            agree(
                "value added share + inputs = 1 (input_coefficient is [economy, input, user])",
                cost, ones, pair, _labels(world, pair), limit=tolerance,
            )
        )  # fmt: skip
    if "final_share" in world.data:
        total = world.final_share.values.sum(axis=1)
        found.append(
            agree(
                "final shares sum to 1",
                total,
                np.ones_like(total),
                ("economy",),
                [world.economies],
                limit=tolerance,
            )
        )
    if "deficit" in world.data:
        total = np.atleast_1d(world.deficit.values.sum())
        size = np.atleast_1d(np.abs(world.deficit.values).sum())
        found.append(
            agree(
                "deficits sum to 0", total, 0 * total, ("total",), [("world",)], limit=tolerance, scale=size
            )
        )
    return found


def _table(world: "World", tolerance: float) -> list[Finding]:
    Z = world.data["intermediate"].values
    inputs = Z.sum(axis=(0, 1))
    cost = (
        inputs
        + world.data["value_added"].values
        + (world.data["taxes"].values if "taxes" in world.data else 0)
    )
    pair = ("economy", "sector")
    return [
        agree(
            "output = inputs + value added + taxes",
            world.output.values,
            cost,
            pair,
            _labels(world, pair),
            limit=tolerance,
        )
    ]


def _flows(world: "World", tolerance: float) -> list[Finding]:
    pair = ("economy", "sector")
    labels = _labels(world, pair)
    found = []
    if "deficit" in world.data:
        traded = world.flow.values.sum(axis=2)
        gap = traded.sum(axis=0) - traded.sum(axis=1)
        size = traded.sum(axis=0)
        found.append(
            agree("deficit = imports - exports", world.deficit.values, gap, ("economy",), [world.economies],
                  limit=tolerance, scale=size)
        )  # fmt: skip
    if not world.is_table and world.has("final_share"):
        demand = world.final_share.values * world.income.values[:, None]
        found.append(
            agree("spending = final demand + use", world.final_spending.values, demand, pair, labels,
                  limit=tolerance if world.closed else np.inf,
                  scale=np.maximum(world.spending.values, 1e-9 * world.spending.values.max()))
        )  # fmt: skip
    spent = world.final_spending.values.sum(axis=1)
    found.append(
        agree("income = final spending", world.income.values, spent, ("economy",), [world.economies],
              limit=tolerance)
    )  # fmt: skip
    return found
