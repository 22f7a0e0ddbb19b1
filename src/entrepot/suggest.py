"""Near misses, for messages that help."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(word: str, known: Iterable[str]) -> str:
    """`; near: a, b` for up to three known words like `word`, or nothing."""
    found = get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=0.6)
    return f"; near: {', '.join(found)}" if found else ""
