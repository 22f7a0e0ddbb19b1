"""Value by economy in a bill: direct, or through all sub-assemblies.

Value is conserved: what every node holds is spread over economies, and what nobody knows is `unknown`, never
zero. A node spreads its value by, in this order:

1. its stated content (`content = {CHN = 0.6}`), the rest unknown;
2. the parts and charges below it, and its maker's own rest where it was made;
3. an estimate, if one is asked for: the industry average of what its origin makes of such goods;
4. its origin: all of it.

Where several origins are possible an economy has a range: at least `low`, at most `high`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from entrepot.origin.bill import Bill, Part

Basis = Literal["stated", "parts", "estimate", "origin", "unknown"]


class Estimator(Protocol):
    """Industry averages: shares of value by economy for a product made in an economy."""

    @property
    def source(self) -> str:
        """What the averages rest on, for the reader."""

    def shares(self, product: str, origin: str) -> Mapping[str, float] | None:
        """Shares that sum to one, or None where there is no average for such goods from there."""


@dataclass(frozen=True)
class Range:
    """At least `low`, at most `high`; one number if they are equal."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether it is one number (to a billionth)."""
        return self.high - self.low <= 1e-9

    def __str__(self) -> str:
        """As a percentage, or two."""
        if self.exact:
            return f"{self.low * 100:.2f} %"
        return f"{self.low * 100:.2f} to {self.high * 100:.2f} %"


@dataclass(frozen=True)
class Piece:
    """What one node adds of its own: USD in one product, on what basis, and how it spreads.

    `low` and `high` hold fractions of `value_usd` by economy.
    """

    path: str
    value_usd: Decimal
    basis: Basis
    low: Mapping[str, float]
    high: Mapping[str, float]


@dataclass(frozen=True)
class Content:
    """Value by economy of one product: `pieces` add up to `total_usd`.

    `source` names what estimates rest on; empty where there is none.
    """

    total_usd: Decimal
    pieces: tuple[Piece, ...]
    source: str = ""

    def share(self, economy: str) -> Range:
        """The economy's share of the total: a fraction, or a range of them."""
        if self.total_usd == 0:
            return Range(0.0, 0.0)
        low = sum(float(p.value_usd) * p.low.get(economy, 0.0) for p in self.pieces)
        high = sum(float(p.value_usd) * _high(p, economy) for p in self.pieces)
        total = float(self.total_usd)
        return Range(low / total, high / total)

    def economies(self) -> list[str]:
        """Every economy named, the largest possible share first."""
        named = {e for p in self.pieces for e in p.high}
        return sorted(named, key=lambda e: (-self.share(e).high, e))

    def of_basis(self, basis: Basis) -> float:
        """The share of the total that rests on a basis: a fraction."""
        if self.total_usd == 0:
            return 0.0
        return float(sum((p.value_usd for p in self.pieces if p.basis == basis), Decimal(0)) / self.total_usd)

    @property
    def unknown(self) -> float:
        """The share of the total that could be from anywhere: a fraction."""
        if self.total_usd == 0:
            return 0.0
        free = sum(float(p.value_usd) * _free(p) for p in self.pieces)
        return free / float(self.total_usd)


ANYWHERE = "*"
"""Key in `Piece.high` for the part of a piece that may be of any economy."""


def _free(piece: Piece) -> float:
    return piece.high.get(ANYWHERE, 0.0)


def _high(piece: Piece, economy: str) -> float:
    return min(1.0, piece.high.get(economy, 0.0) + _free(piece))


def content(bill: Bill, *, direct: bool = False, estimate: Estimator | None = None) -> Content:
    """Content of one product by economy, at its transaction value.

    `direct`: every part counts wholly as of where it was bought or made, what a customs form sees; otherwise
    through all sub-assemblies. Charges count where they were earned; international freight is outside. Where
    the transaction value is more than FOB, the difference is the seller's, of unknown economy.
    """
    pieces: list[Piece] = []
    for part in bill.root.parts:
        path = f"{bill.name} / {part.name}"
        pieces += [_whole(path, part)] if direct else list(spread(path, part, estimate))
    pieces += [
        _at(f"{bill.name}: {c.name or c.kind}", c.value_usd, (c.economy,))
        for c in bill.root.charges
        if c.stage != "sea"
    ]
    gap = bill.value_usd - sum((p.value_usd for p in pieces), Decimal(0))
    if gap > 0:
        pieces.append(_at(f"{bill.name}: price paid above FOB", gap, ()))
    total = sum((p.value_usd for p in pieces), Decimal(0))
    return Content(total, tuple(p for p in pieces if p.value_usd), estimate.source if estimate else "")


def _whole(path: str, part: Part) -> Piece:
    return _at(path, part.value_usd, part.origins)


def _at(path: str, value: Decimal, origins: tuple[str, ...]) -> Piece:
    """A piece that is wholly of its origin, of one of several, or of no known one."""
    if not origins:
        return Piece(path, value, "unknown", {}, {ANYWHERE: 1.0})
    low = {origins[0]: 1.0} if len(origins) == 1 else {}
    return Piece(path, value, "origin", low, dict.fromkeys(origins, 1.0))


def spread(path: str, part: Part, estimate: Estimator | None) -> Iterator[Piece]:
    """The pieces of one node and all below it; they add up to its value."""
    if part.content is not None:
        left = max(0.0, 1 - sum(part.content.values()))
        high = dict(part.content) | ({ANYWHERE: left} if left > 1e-9 else {})
        yield Piece(path, part.value_usd, "stated", dict(part.content), high)
        return
    if not part.parts:
        yield _leaf(path, part.product, part.value_usd, part.origins, estimate)
        return
    for child in part.parts:
        yield from spread(f"{path} / {child.name}", child, estimate)
    for charge in part.charges:
        yield _at(f"{path}: {charge.name or charge.kind}", charge.value_usd, (charge.economy,))
    if part.rest_usd:
        yield _at(f"{path}: its maker's own", part.rest_usd, part.origins)


def _leaf(
    path: str, product: str, value: Decimal, origins: tuple[str, ...], estimate: Estimator | None
) -> Piece:
    if estimate is None or not product or not origins:
        return _at(path, value, origins)
    found = [estimate.shares(product, origin) for origin in origins]
    averages = [shares for shares in found if shares is not None]
    if len(averages) < len(found):
        return _at(path, value, origins)
    named = {e for shares in averages for e in shares}
    low = {e: min(shares.get(e, 0.0) for shares in averages) for e in named}
    high = {e: max(shares.get(e, 0.0) for shares in averages) for e in named}
    return Piece(path, value, "estimate", low, high)
