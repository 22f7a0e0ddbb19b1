"""Who trades: economies by ISO 3166-1 alpha-3 code, and groups of them with dated members.

The tables are `data/economies.csv` and `data/groups.csv`. `XKX` (Kosovo) is user-assigned; `ROW` stands for
the rest of the world. A membership holds from its first day to the day before `until`.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from entrepot.errors import UnknownCode

_CENSUS_GROUPS = {"0003": "EU27"}
"""Codes under which the US Census Bureau publishes a group as if it were a partner."""

_OTHER_NAMES = {
    "burma": "MMR",
    "cape verde": "CPV",
    "czech republic": "CZE",
    "eu": "EU27",
    "european union": "EU27",
    "great britain": "GBR",
    "holland": "NLD",
    "hong kong sar": "HKG",
    "ivory coast": "CIV",
    "korea": "KOR",
    "korea, south": "KOR",
    "korea, north": "PRK",
    "korea, republic of": "KOR",
    "macau": "MAC",
    "republic of korea": "KOR",
    "russian federation": "RUS",
    "swaziland": "SWZ",
    "turkey": "TUR",
    "uk": "GBR",
    "united states of america": "USA",
    "viet nam": "VNM",
}


@dataclass(frozen=True)
class Economy:
    """A place that trades.

    `code` is ISO 3166-1 alpha-3; `alpha2` is empty for `ROW`; `census` holds the four-digit codes under which
    the US Census Bureau publishes its trade: mostly one, none for some territories, two for Palestine.
    """

    code: str
    name: str
    alpha2: str
    census: tuple[str, ...]


@dataclass(frozen=True)
class Membership:
    """One economy's time in a group; `until` is the first day without it, None if no end is known."""

    economy: str
    start: date
    until: date | None

    def holds(self, on: date) -> bool:
        """Whether the economy is a member on that day."""
        return self.start <= on and (self.until is None or on < self.until)


def economy(code: str) -> Economy:
    """The economy with this alpha-3 code. Raises UnknownCode, with near matches, if there is none."""
    try:
        return _table()[code]
    except KeyError:
        raise UnknownCode(_unknown(code)) from None


def economies() -> tuple[Economy, ...]:
    """All economies, in the order of their codes, `ROW` last."""
    return tuple(_table().values())


def is_economy(code: str) -> bool:
    """Whether an economy has this alpha-3 code."""
    return code in _table()


def by_alpha2(code: str) -> Economy:
    """The economy with this alpha-2 code. Raises UnknownCode if there is none."""
    found = _by_alpha2().get(code)
    if found is None:
        raise UnknownCode(f"alpha-2 code {code!r} names no economy; ISO 3166-1 codes look like VN or US")
    return _table()[found]


def by_census(code: str) -> str:
    """The economy or group that the US Census Bureau publishes under this four-digit code; 0003 is EU27.

    Raises UnknownCode if it publishes none.
    """
    found = _by_census().get(code)
    if found is None:
        raise UnknownCode(
            f"Census code {code!r} names no partner; codes are text of four digits, such as 5520"
        )
    return found


def groups() -> tuple[str, ...]:
    """Names of the groups, sorted."""
    return tuple(sorted(_groups()))


def is_group(code: str) -> bool:
    """Whether a group has this name."""
    return code in _groups()


def memberships(group: str) -> tuple[Membership, ...]:
    """Every membership of a group, past and present. Raises UnknownCode if there is no such group."""
    try:
        return _groups()[group]
    except KeyError:
        raise UnknownCode(f"group {group!r}: there is none; there are {', '.join(groups())}") from None


def members(group: str, on: date) -> frozenset[str]:
    """Alpha-3 codes of a group's members on a day.

    Raises UnknownCode if there is no such group, or if it had no member on that day.
    """
    found = frozenset(m.economy for m in memberships(group) if m.holds(on))
    if not found:
        start = min(m.start for m in memberships(group))
        ends = [m.until for m in memberships(group) if m.until is not None]
        span = f"since {start}" if len(ends) < len(memberships(group)) else f"from {start} until {max(ends)}"
        raise UnknownCode(f"group {group} had no members on {on}; it has members {span}")
    return found


def ever_members(code: str) -> frozenset[str]:
    """Everyone who was ever a member of a group; of an economy, itself."""
    return frozenset(m.economy for m in _groups()[code]) if is_group(code) else frozenset({code})


def groups_of(code: str, on: date) -> frozenset[str]:
    """Groups that hold an economy on a day. Raises UnknownCode if there is no such economy."""
    economy(code)
    return frozenset(
        name for name, held in _groups().items() if any(m.economy == code and m.holds(on) for m in held)
    )


def find(text: str) -> str:
    """The code of the economy or group that a text names, in any of the common ways.

    Reads alpha-3, alpha-2 and Census codes, group names and English names, whatever the case.
    Raises UnknownCode, with near matches, if it names none.
    """
    word = text.strip()
    upper = word.upper()
    if upper in _table() or upper in _groups():
        return upper
    for index, key in ((_by_alpha2(), upper), (_by_census(), word), (_by_name(), word.lower())):
        if key in index:
            return index[key]
    raise UnknownCode(_unknown(word))


def _unknown(code: str) -> str:
    """Say that a code names nothing, and what it may have meant."""
    near = difflib.get_close_matches(code.upper(), [*_table(), *_groups()], n=3, cutoff=0.6)
    names = difflib.get_close_matches(code.lower(), list(_by_name()), n=2, cutoff=0.75)
    meant = dict.fromkeys([*near, *(_by_name()[name] for name in names)])
    hint = f"near: {', '.join(f'{c} ({_label(c)})' for c in meant)}; " if meant else ""
    return f"economy {code!r} is unknown; {hint}write an ISO 3166-1 alpha-3 code (VNM) or a group (EU27)"


def _label(code: str) -> str:
    return _table()[code].name if code in _table() else "group"


def _rows(name: str) -> Iterable[dict[str, str]]:
    text = files("entrepot.data").joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@cache
def _table() -> dict[str, Economy]:
    return {
        row["code"]: Economy(row["code"], row["name"], row["alpha2"], tuple(row["census"].split()))
        for row in _rows("economies.csv")
    }


@cache
def _by_alpha2() -> dict[str, str]:
    return {e.alpha2: e.code for e in _table().values() if e.alpha2}


@cache
def _by_census() -> dict[str, str]:
    return {census: e.code for e in _table().values() for census in e.census} | _CENSUS_GROUPS


@cache
def _by_name() -> dict[str, str]:
    return {e.name.lower(): e.code for e in _table().values()} | _OTHER_NAMES


@cache
def _groups() -> dict[str, tuple[Membership, ...]]:
    found: dict[str, list[Membership]] = {}
    for row in _rows("groups.csv"):
        until = date.fromisoformat(row["until"]) if row["until"] else None
        span = Membership(row["economy"], date.fromisoformat(row["from"]), until)
        found.setdefault(row["group"], []).append(span)
    return {name: tuple(spans) for name, spans in found.items()}
