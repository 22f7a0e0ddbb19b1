"""Economies as a report shows them: their names in text, and their places on a map of tiles."""

from __future__ import annotations

from entrepot import economies

TILES = {
    "CAN": (0, 0), "USA": (0, 1), "MEX": (0, 2), "BRA": (1, 3), "GBR": (2, 0), "EU27": (3, 0), "ROW": (2, 2),
    "IND": (4, 2), "BGD": (5, 2), "CHN": (5, 1), "KOR": (6, 0), "JPN": (7, 0), "TWN": (6, 1), "VNM": (6, 2),
    "PHL": (7, 2), "THA": (5, 3), "KHM": (6, 3), "MYS": (5, 4), "SGP": (6, 4), "IDN": (7, 4),
}  # fmt: skip
"""Columns and rows of a map of tiles, one of the same size for every economy of the embedded world."""


def name_of(code: str) -> str:
    """A name for people: groups and the rest of the world by what they are called in a report."""
    special = {"ROW": "rest of the world", "EU27": "European Union", "CHN": "China"}
    if code in special:
        return special[code]
    return economies.economy(code).name if economies.is_economy(code) else code


def the_name(code: str) -> str:
    """A name as it stands in a sentence: the United States, Vietnam."""
    name = name_of(code)
    return f"the {name}" if name.startswith(("United", "European")) else name
