"""Industry averages of content from a world table: an estimate where a part's own content isn't known.

A part of a product code from an economy takes the average content of what that economy's sectors make of
such goods: the mean of the sectors' content shares, through all tiers, by the share of the six-digit product
that falls into each sector. Members of the EU are read as the EU, Hong Kong and Macao as China, and an economy
that the world doesn't have on its own as the rest of the world (`ROW`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from entrepot import economies
from entrepot.errors import Unresolved

if TYPE_CHECKING:
    import numpy as np

_GROUPED = {
    "HKG": "CHN",
    "MAC": "CHN",
    **{m.economy: "EU27" for m in economies.memberships("EU27") if m.until is None},
}

CONCORDANCE = ("data", "world", "concordance", "hs6-sector.csv")


@dataclass(frozen=True)
class WorldAverage:
    """Content of industries: `table` holds (origin, exporter, sector), fractions of output that sum to one.

    sectors_of: shares of sectors by six-digit product; means for shorter codes are taken over what they hold.
    """

    source: str
    origins: tuple[str, ...]
    sectors: tuple[str, ...]
    table: np.ndarray[Any, Any]
    sectors_of: Mapping[str, Mapping[str, float]]
    _known: dict[tuple[str, str], dict[str, float] | None] = field(default_factory=dict)

    def shares(self, product: str, origin: str) -> Mapping[str, float] | None:
        """Average content by economy of a product made in an economy; None where there is no average."""
        key = (product[:6], origin)
        if key not in self._known:
            self._known[key] = self._average(*key)
        return self._known[key]

    def _average(self, product: str, origin: str) -> dict[str, float] | None:
        place = next((p for p in (origin, _GROUPED.get(origin, ""), "ROW") if p in self.origins), None)
        if place is None:
            return None
        matches = [s for code, s in self.sectors_of.items() if code.startswith(product)] if product else []
        weights: dict[str, float] = {}
        for shares in matches:
            for sector, share in shares.items():
                if sector in self.sectors:
                    weights[sector] = weights.get(sector, 0.0) + share
        total = sum(weights.values())
        if not total:
            return None
        exporter = self.origins.index(place)
        found: dict[str, float] = {}
        for sector, weight in weights.items():
            column = self.table[:, exporter, self.sectors.index(sector)]
            for economy, share in zip(self.origins, column, strict=True):
                found[economy] = found.get(economy, 0.0) + float(share) * weight / total
        return found


@lru_cache(maxsize=4)
def from_world(name: str) -> WorldAverage:
    """Averages of a world by name or file.

    Raises what opening the world raises, and Unresolved where this installation has no world tables.
    """
    try:
        # Imported here: only this estimate needs the world and its algebra.
        from entrepot.content import trace  # noqa: PLC0415
        from entrepot.world import open_world  # noqa: PLC0415
    except ImportError as error:
        raise Unresolved(f"world {name!r}: world tables are not installed ({error.name})") from None
    world = open_world(name)
    shares = trace(world)["content_share"].transpose("origin", "exporter", "sector")
    return WorldAverage(
        f"industry averages of {world.name}",
        tuple(world.economies),
        tuple(world.sectors),
        shares.values,
        _concordance(),
    )


def _concordance() -> dict[str, dict[str, float]]:
    import csv  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    text = files("entrepot").joinpath(*CONCORDANCE).read_text(encoding="utf-8")
    found: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["hs6"], {})[row["sector"]] = float(row["share"])
    return found
