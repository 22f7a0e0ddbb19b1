"""What an unknown fact of one entry could be, as far as the law can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl

from entrepot.economies import groups_of, is_group
from entrepot.errors import LawError
from entrepot.law.facts import Fact, Given
from entrepot.law.lines import look_up, read_fact_table
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
        found = law_rate(fact, product, origin)
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


def law_rate(fact: Fact, product: str, origin: str) -> float | None:
    """What the law's own table says of a product: of the code itself, else of its 8 or 6 digits; or None."""
    if origin in fact.elsewhere:
        return None
    exact = _exact(fact)
    asked = pl.DataFrame({"product": [product], "origin": [origin]})
    found = look_up(exact, asked)[0]
    return None if found is None else float(found)


@cache
def _exact(fact: Fact) -> pl.DataFrame:
    return read_fact_table(fact).filter("exact")


def claims(fact: Fact, origin: str) -> tuple[str, ...]:
    """The programmes under which goods of an origin don't pay a rate."""
    return tuple(programme for programme, origins in fact.preferences if origin in origins)


def preferred(pick: Sequence[Possibility], rates: Mapping[str, Sequence[str]]) -> tuple[Possibility, ...]:
    """The pick with each rate 0 where one of its programmes is claimed; `rates` has the programmes of each."""
    claimed = {name for p in pick if p.fact == "programme" for name, held in p.values.items() if held}
    free = {rate for rate, names in rates.items() if any(f"programme.{name}" in claimed for name in names)}
    return tuple(Possibility(p.fact, "", {p.fact: 0.0}) if p.fact in free else p for p in pick)


def applies_to(given: Given, origin: str, on: date) -> bool:
    """Whether a fact was given for this origin: for all, for itself, or for a group that holds it on that day."""
    if given.origin in (None, origin):
        return True
    return is_group(given.origin) and not is_group(origin) and given.origin in groups_of(origin, on)


def possible(pick: Iterable[Possibility]) -> bool:
    """Whether these can hold together: shares of one kind (metals, origins of content) come to at most 1."""
    shares: dict[str, float] = {}
    for possibility in pick:
        stem = possibility.fact.partition(".")[0]
        if stem in ("metal", "content"):
            shares[stem] = shares.get(stem, 0.0) + sum(possibility.values.values())
    return all(total <= 1 + 1e-9 for total in shares.values())


def _levels(name: str, measures: Iterable[Measure]) -> list[tuple[str, float]]:
    """Labels and a value for each interval between the thresholds that measures set for a share."""
    bounds: set[float] = set()
    proportional = False
    for measure in measures:
        proportional |= measure.portion is not None and measure.portion.fact == name
        for condition in measure.when:
            if condition.fact == name:
                bounds |= {value for bound in BOUNDS if (value := getattr(condition, bound)) is not None}
    if proportional and not bounds:
        return [("0 %", 0.0), ("100 %", 1.0)]
    edges = sorted({0.0, *bounds, 1.0})
    levels = []
    for low, high in pairwise(edges):
        levels += [(f"{low:.4g}", low), (f"between {low:.4g} and {high:.4g}", (low + high) / 2)]
    return [*levels, ("1", 1.0)]
