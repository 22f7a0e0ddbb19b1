"""What an unknown fact of one entry could be, as far as the law can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from entrepot.errors import LawError
from entrepot.law.facts import Fact, Given
from entrepot.law.lines import read_fact_table
from entrepot.law.measure import BOUNDS, Measure

UNKNOWN = "unknown"
"""The label of a fact whose possible values can't be listed: a rate, a quantity."""


@dataclass(frozen=True)
class Possibility:
    """One thing a fact could be: in words (`label`; empty if it is settled) and as numbers by full name."""

    fact: str
    label: str
    values: Mapping[str, float]


def possibilities(
    name: str,
    options: Sequence[str],
    measures: Iterable[Measure],
    declared: Mapping[str, Fact],
    given: Sequence[Given],
    product: str,
    origin: str,
) -> list[Possibility]:
    """All that a fact of this entry could be: one possibility if it is given or the law's own table has it.

    A truth holds or doesn't; a choice is one of the options the law asks for, or none; a share lies between
    the law's thresholds or, where duty is in proportion to it, anywhere from nothing to all; a rate that
    isn't known is NaN. Raises LawError if the user gave what is not of the fact's kind.
    """
    fact = Fact.lookup(declared, name) or Fact(name, "truth", name)
    mine = [
        g for g in given if g.origin in (None, origin) and (g.name == name or g.name.startswith(f"{name}."))
    ]
    if mine:
        return [Possibility(name, "", _settled(fact, options, mine[-1]))]
    if fact.law:
        found = _from_table(fact, product, origin)
        return [
            Possibility(
                name, "" if found is not None else "unknown", {name: np.nan if found is None else found}
            )
        ]
    if fact.kind == "truth":
        return [Possibility(name, word, {name: value}) for word, value in (("false", 0.0), ("true", 1.0))]
    if fact.kind == "choice":
        return [Possibility(name, word, _one_of(name, options, word)) for word in ("none", *options)]
    if fact.kind == "share":
        return [Possibility(name, word, {name: value}) for word, value in _levels(name, measures)]
    return [Possibility(name, UNKNOWN, {name: np.nan})]


def _settled(fact: Fact, options: Sequence[str], given: Given) -> dict[str, float]:
    if fact.kind == "choice":
        if given.name != fact.name:
            return _one_of(
                fact.name, options, given.name.removeprefix(f"{fact.name}.") if given.value else "none"
            )
        if not isinstance(given.value, str):
            raise LawError(
                f"--fact {fact.name}={given.value}: name one, e.g. {', '.join((*options, 'none'))}"
            )
        return _one_of(fact.name, options, given.value)
    if isinstance(given.value, str):
        raise LawError(f"--fact {fact.name}={given.value}: {fact.what}; write a number or true or false")
    if fact.kind == "truth" and float(given.value) not in (0.0, 1.0):
        raise LawError(
            f"--fact {fact.name}={given.value}: of one entry it holds or it doesn't; write true or false "
            "(shares are for `entrepot rates`)"
        )
    return {fact.name: float(given.value)}


def _one_of(name: str, options: Sequence[str], chosen: str) -> dict[str, float]:
    return {f"{name}.{option}": float(option == chosen) for option in options}


def _from_table(fact: Fact, product: str, origin: str) -> float | None:
    table = read_fact_table(fact).filter("exact")
    if "origin" in table.columns:
        table = table.filter(pl.col("origin") == origin)
    lengths = [n for n in (10, 8, 6) if n <= len(product)]
    for digits in lengths:
        found = table.filter(pl.col("product") == product[:digits])
        if len(found):
            return float(found["value"][0])
    return None


def _levels(name: str, measures: Iterable[Measure]) -> list[tuple[str, float]]:
    """Labels and a value for each interval between the thresholds that measures set for a share."""
    bounds = set()
    for measure in measures:
        if measure.portion is not None and measure.portion.fact == name:
            return [("0 %", 0.0), ("100 %", 1.0)]
        for condition in measure.when:
            if condition.fact == name:
                bounds |= {value for bound in BOUNDS if (value := getattr(condition, bound)) is not None}
    edges = sorted({0.0, *bounds, 1.0})
    levels = []
    for low, high in pairwise(edges):
        levels += [(f"{low:.4g}", low), (f"between {low:.4g} and {high:.4g}", (low + high) / 2)]
    return [*levels, ("1", 1.0)]
