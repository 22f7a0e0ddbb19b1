"""Which products and origins a measure reaches."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from entrepot import economies
from entrepot.errors import LawError, UnknownCode
from entrepot.law.measure import Origins, Products

Mask = NDArray[np.bool_]


class ProductIndex:
    """Product codes of one ledger, ready for matching against lists of prefixes.

    A prefix matches the codes that begin with it; a code shorter than a prefix is not matched by it
    (`Ledger.split_to` splits such lines first).
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = list(codes)
        lengths = np.fromiter(map(len, self.codes), dtype=np.int64, count=len(self.codes))
        # One sorted array of numbers per length of code: a prefix is then an interval in each.
        self._by_length: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        for length in np.unique(lengths):
            at = np.flatnonzero(lengths == length)
            numbers = np.array([int(self.codes[i]) for i in at], dtype=np.int64)
            order = np.argsort(numbers, kind="stable")
            self._by_length[int(length)] = (numbers[order], at[order])

    def starting_with(self, prefixes: Sequence[str]) -> Mask:
        """Which codes begin with one of the prefixes; bool, one per code."""
        found = np.zeros(len(self.codes), dtype=bool)
        if "*" in prefixes:
            found[:] = True
            return found
        by_digits: dict[int, list[int]] = {}
        for prefix in prefixes:
            by_digits.setdefault(len(prefix), []).append(int(prefix))
        for length, (numbers, at) in self._by_length.items():
            edges = np.zeros(len(numbers) + 1, dtype=np.int64)
            for digits, values in by_digits.items():
                if digits <= length:
                    width = 10 ** (length - digits)
                    lowest = np.array(values, dtype=np.int64) * width
                    edges += np.bincount(np.searchsorted(numbers, lowest), minlength=len(edges))
                    edges -= np.bincount(np.searchsorted(numbers, lowest + width), minlength=len(edges))
            found[at[np.cumsum(edges[:-1]) > 0]] = True
        return found

    def reached_by(self, products: Products, lists: Mapping[str, tuple[str, ...]]) -> Mask:
        """Which codes a scope reaches: included and not excluded."""
        found = self.starting_with(prefixes(products.include, lists))
        if products.exclude:
            found &= ~self.starting_with(prefixes(products.exclude, lists))
        return found


def prefixes(names: Sequence[str], lists: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Digits as they stand, lists spelled out."""
    spelled: list[str] = []
    for name in names:
        spelled.extend(lists[name[5:]] if name.startswith("list:") else (name,))
    return spelled


def reaches(origins: Origins, origin: str, day: date, where: str) -> bool:
    """Whether a scope reaches an origin (an economy, or a group standing in a ledger as one partner).

    The code itself decides first, then the groups that hold it on `day`, then `*`; excluded wins at each. A
    group in a ledger counts as named if all its members are. Raises LawError if only some of them are.
    """
    rules = ((origins.exclude, False), (origins.include, True))
    for names, verdict in rules:
        if origin in names:
            return verdict
    epoch = membership_epoch(day)
    around, members = _groups_of(origin, epoch), _members(origin, epoch)
    for names, verdict in rules:
        if around.intersection(names):
            return verdict
        named = members & frozenset().union(*(_members(name, epoch) or {name} for name in names))
        if named and named == members:
            return verdict
        if named:
            raise LawError(
                f"{where}: names {', '.join(sorted(named))}, but the ledger has {origin} as one partner; "
                f"name {origin} or use a ledger that lists its members"
            )
    return "*" in origins.include


def membership_epoch(day: date) -> int:
    """A number that is the same for days on which every group has the same members."""
    return bisect_right(_membership_changes(), day)


@cache
def _membership_changes() -> list[date]:
    spans = [span for group in economies.groups() for span in economies.memberships(group)]
    return sorted({span.start for span in spans} | {span.until for span in spans if span.until is not None})


@cache
def _members(code: str, epoch: int) -> frozenset[str]:
    """The members of a group on the days of an epoch; of an economy, none."""
    if not economies.is_group(code):
        return frozenset()
    day = _day_in(epoch)
    return frozenset(m.economy for m in economies.memberships(code) if m.holds(day))


def _day_in(epoch: int) -> date:
    return _membership_changes()[epoch - 1] if epoch else date.min


@cache
def _groups_of(origin: str, epoch: int) -> frozenset[str]:
    if economies.is_group(origin):
        return frozenset()
    return economies.groups_of(origin, _day_in(epoch))


def check_origins(codes: Sequence[str], where: str) -> None:
    """Raise UnknownCode if one of these names no economy, no group and isn't `*`."""
    for code in codes:
        if code != "*" and not economies.is_group(code) and not economies.is_economy(code):
            try:
                economies.economy(code)
            except UnknownCode as error:
                raise UnknownCode(f"{where}: {error}") from None


def rate_for(table: Mapping[str, float], origin: str, day: date) -> float | None:
    """The rate of an origin in a table: its own row, else that of a group that holds it, else its members'.

    None if there is none. Raises LawError if the origin is a group whose members have different rates, or
    only some of them one.
    """
    if origin in table:
        return table[origin]
    epoch = membership_epoch(day)
    for group in sorted(_groups_of(origin, epoch)):
        if group in table:
            return table[group]
    rates = {table.get(member) for member in _members(origin, epoch)}
    if len(rates) > 1:
        raise LawError(
            f"the table of rates has different rates for members of {origin}, which the ledger has as one "
            f"partner; give {origin} a row or use a ledger that lists its members"
        )
    return rates.pop() if rates else None


def has_rate(table: Mapping[str, float], code: str) -> bool:
    """Whether a table of rates has a row for an economy or group, or for one that holds it or lies in it."""
    return any(economies.ever_members(row) & economies.ever_members(code) for row in table)
