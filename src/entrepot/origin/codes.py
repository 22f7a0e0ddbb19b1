"""Ranges of product codes as rules write them: `03`, `8517`, `1101-1108`, `*`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

_RANGE = re.compile(r"\*|(\d{2,10})(?:-(\d{2,10}))?")

DIGITS = 10
EVERYTHING = (0, 10**DIGITS - 1)


@lru_cache(maxsize=65536)
def span(code: str) -> tuple[int, int]:
    """The ten-digit codes from first to last that a code or range stands for.

    Raises ValueError for a text that is neither, or a range that runs backwards.
    """
    found = _RANGE.fullmatch(code)
    if found is None:
        raise ValueError(f"{code!r}: write digits (8517), a range (1101-1108) or *")
    if code == "*":
        return EVERYTHING
    first, last = found[1], found[2] or found[1]
    low, high = int(first.ljust(DIGITS, "0")), int(last.ljust(DIGITS, "9"))
    if low > high:
        raise ValueError(f"{code!r}: the range runs backwards")
    return low, high


def within(product: str, codes: Collection[str]) -> bool | None:
    """Whether a product lies in any of the ranges; None if its code is too short to tell, or missing."""
    if "*" in codes:
        return True
    if not product:
        return None
    low, high = span(product)
    partly = False
    for code in codes:
        first, last = span(code)
        if first <= low and high <= last:
            return True
        partly |= first <= high and low <= last
    return None if partly else False


def position(product: str, digits: int) -> str | None:
    """The chapter (2), heading (4) or subheading (6) of a product; None if its code is too short."""
    return product[:digits] if len(product) >= digits else None


def written(codes: Iterable[str]) -> str:
    """Codes in words: `chapter 3, heading 8517 and headings 1101 to 1108`."""
    kinds = {2: "chapter", 4: "heading", 6: "subheading"}
    words = []
    for code in codes:
        first, dash, last = code.partition("-")
        kind = kinds.get(len(first), "code")
        if code == "*":
            words.append("any heading")
        elif dash:
            words.append(f"{kind}s {first.lstrip('0') if kind == 'chapter' else first} to {last}")
        else:
            words.append(f"{kind} {first.lstrip('0') if kind == 'chapter' else first}")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"
