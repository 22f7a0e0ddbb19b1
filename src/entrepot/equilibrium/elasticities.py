"""Trade elasticities: named sets with their sources, mapped to the sectors of any world, and draws from them.

A trade elasticity theta is how strongly a supplier's share responds to its cost: shares move with cost to
the power -theta.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from entrepot.equilibrium.options import Float, is_number, numbers
from entrepot.errors import OptionError, Unresolved
from entrepot.world import World

CALIENDO_PARRO = "caliendo-parro-2015"

LEAST_DRAWN = 0.5
"""Draws below this are drawn again: several published errors exceed their estimate, and an elasticity near
zero makes gains from trade unbounded."""


class Estimates(NamedTuple):
    """Elasticities by sector with what is published about their precision; NaN where nothing is."""

    value: Float  # (S,)
    standard_error: Float  # (S,)
    low: Float  # (S,), range that the source gives instead of an error
    high: Float  # (S,)
    source: str


def names() -> tuple[str, ...]:
    """The named sets."""
    return (CALIENDO_PARRO, *(row["name"] for row in _rows("uniform.csv")))


def estimates(name: str, sectors: Sequence[str]) -> Estimates:
    """A named set for some sectors.

    Caliendo and Parro's are the values of their counterfactuals (99 percent sample; 8.22 for motor vehicles,
    other transport and services, which they don't estimate or don't use); a sector that covers several of
    theirs takes the plain mean, and the error of that mean taking theirs as independent.

    Raises `OptionError` for another name, `Unresolved` for a sector that no table maps.
    """
    if name == CALIENDO_PARRO:
        return _caliendo_parro(sectors)
    for row in _rows("uniform.csv"):
        if row["name"] == name:
            number = {k: float(row[k] or "nan") for k in ("elasticity", "low", "high")}
            full = {k: np.full(len(sectors), v) for k, v in number.items()}
            unknown = np.full(len(sectors), np.nan)
            return Estimates(
                full["elasticity"], unknown, full["low"], full["high"], f"{name}: {row['source']}"
            )
    raise OptionError(
        f"option elasticity: {name!r} is no set; give world, a number, or {', '.join(names())}."
    )


def resolve(given: str | float | Mapping[str, float] | Sequence[float], world: World) -> tuple[Float, str]:
    """Elasticities (S,) of option `elasticity` for a world, and what they are in words.

    Raises `OptionError` for elasticities of zero or less, or for labels that aren't the world's sectors.
    """
    sectors = world.sectors
    if isinstance(given, str):
        if given == "world":
            return _positive(world.trade_elasticity.values, sectors), f"the world's own ({world.name})"
        found = estimates(given, sectors)
        return _positive(found.value, sectors), found.source
    if isinstance(given, Mapping):
        unknown = [s for s in given if s != "*" and s not in sectors]
        missing = [s for s in sectors if s not in given and "*" not in given]
        if unknown or missing:
            what = f"{unknown[0]}: no sector of {world.name}" if unknown else f"lacks sector {missing[0]}"
            raise OptionError(f"option elasticity: {what}; give every sector, or `*` for all others.")
        by_sector = numbers("option elasticity", {s: given.get(s, given.get("*")) for s in sectors})
        return _positive(by_sector, sectors), "given by sector"
    if is_number(given):
        return _positive(np.full(len(sectors), given), sectors), f"uniform {given:g}"
    if not isinstance(given, Sequence | np.ndarray):
        raise OptionError(
            f"option elasticity: found {given!r}; give a set's name, a number, or numbers by sector."
        )
    if len(given) != len(sectors):
        raise OptionError(
            f"option elasticity: {len(given)} numbers, {world.name} has {len(sectors)} sectors; give one each."
        )
    by_sector = numbers("option elasticity", dict(zip(sectors, given, strict=True)))
    return _positive(by_sector, sectors), "given by sector"


def draw(name: str, sectors: Sequence[str], rng: np.random.Generator) -> Float:
    """One draw of a named set (S,): normal with the published errors, uniform over a published range.

    Sectors of one estimate move together, as one unknown number is drawn for all that use it. Values without
    published precision (8.22 of Caliendo and Parro) stay. Draws below 0.5 are drawn again.
    Raises `Unresolved` where the set has no published precision at all.
    """
    e = estimates(name, sectors)
    known = np.isfinite(e.standard_error) | np.isfinite(e.low)
    if not known.any():
        raise Unresolved(
            f"elasticities {name}: no published error or range to draw from; "
            f"{CALIENDO_PARRO} has errors by sector."
        )
    value = e.value.copy()
    keys = np.column_stack([e.value, e.standard_error, e.low, e.high])[known]
    unique, which = np.unique(keys, axis=0, return_inverse=True)
    value[known] = np.array([_one(rng, *row) for row in unique])[np.ravel(which)]
    return value


def _one(rng: np.random.Generator, value: float, error: float, low: float, high: float) -> float:
    if np.isfinite(low):
        return float(rng.uniform(low, high))
    drawn = -np.inf
    while drawn < LEAST_DRAWN:
        drawn = rng.normal(value, error)
    return float(drawn)


def _caliendo_parro(sectors: Sequence[str]) -> Estimates:
    table = {row["sector"]: row for row in _rows("caliendo-parro-2015.csv")}
    groups = {row["sector"]: row["caliendo_parro_2015"].split(";") for row in _rows("sectors.csv")}
    missing = [s for s in sectors if s not in groups]
    if missing:
        raise Unresolved(
            f"elasticities {CALIENDO_PARRO}: no estimate for sector {', '.join(missing[:6])}; give option "
            "elasticity as numbers by sector, or one number."
        )
    value = np.array([np.mean([float(table[g]["used"]) for g in groups[s]]) for s in sectors])
    error = np.array([_mean_error([table[g] for g in groups[s]]) for s in sectors])
    nothing = np.full(len(sectors), np.nan)
    return Estimates(
        value, error, nothing, nothing,
        f"{CALIENDO_PARRO}: Caliendo and Parro (2015), Rev. Econ. Stud. 82(1), Table 1, 99 % sample",
    )  # fmt: skip


def _mean_error(rows: list[dict[str, str]]) -> float:
    """Error of the mean of independent estimates; those that are not estimated values have none."""
    if any(row["used"] != row["estimate"] for row in rows):
        return float("nan")
    return float(np.sqrt(sum(float(row["standard_error"]) ** 2 for row in rows)) / len(rows))


def _positive(values: Any, sectors: Sequence[str]) -> Float:
    array = np.array(values, dtype=np.float64)
    bad = np.flatnonzero(~(array > 0) | ~np.isfinite(array))
    if bad.size:
        raise OptionError(
            f"option elasticity: {array[bad[0]]:g} for sector {sectors[bad[0]]}; trade elasticities are "
            "positive numbers (shares move with cost to the power -theta)."
        )
    return array


@cache
def _rows(file: str) -> tuple[dict[str, str], ...]:
    text = (files("entrepot") / "data" / "elasticities" / file).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
