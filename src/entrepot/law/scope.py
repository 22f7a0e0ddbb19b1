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
                    np.add.at(edges, np.searchsorted(numbers, lowest), 1)
                    np.add.at(edges, np.searchsorted(numbers, lowest + width), -1)
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

    The code itself decides first, then the groups that hold it on `day`, then `*`; excluded wins at each.
    Raises LawError if the ledger shows a group where the scope names only some of its members.
    """
    around = _groups_of(origin, membership_epoch(day))
    for names, verdict in ((origins.exclude, False), (origins.include, True)):
        if origin in names:
            return verdict
    for names, verdict in ((origins.exclude, False), (origins.include, True)):
        if around.intersection(names):
            return verdict
    if economies.is_group(origin):
        members = frozenset(m.economy for m in economies.memberships(origin) if m.holds(day))
        for names, verdict in ((origins.exclude, False), (origins.include, True)):
            named = members.intersection(names)
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
def _groups_of(origin: str, epoch: int) -> frozenset[str]:
    if economies.is_group(origin):
        return frozenset()
    changes = _membership_changes()
    return economies.groups_of(origin, changes[epoch - 1] if epoch else date.min)


def check_origins(codes: Sequence[str], where: str) -> None:
    """Raise UnknownCode if one of these names no economy, no group and isn't `*`."""
    for code in codes:
        if code != "*" and not economies.is_group(code) and not economies.is_economy(code):
            try:
                economies.economy(code)
            except UnknownCode as error:
                raise UnknownCode(f"{where}: {error}") from None


def rate_for(table: Mapping[str, float], origin: str, day: date) -> float | None:
    """The rate of an origin in a table of rates: its own row, else that of a group that holds it."""
    if origin in table:
        return table[origin]
    return next(
        (table[group] for group in sorted(_groups_of(origin, membership_epoch(day))) if group in table), None
    )
