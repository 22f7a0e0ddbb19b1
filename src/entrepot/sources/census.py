"""The US Census Bureau's international trade API: one page at a time, retried and kept on disk.

The API answers a query with JSON: a list of lists of text, the first of which names the columns; with status
204 if nothing matches; with 400 and a line of text if the query is wrong. Since May 2026 it asks for a key,
which costs nothing; without one, or with a wrong one, it leads to an HTML page.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from entrepot.errors import EntrepotError

BASE_URL = "https://api.census.gov/data/timeseries/intltrade/imports/hs"
KEY_SIGNUP = "https://api.census.gov/data/key_signup.html"
KEY_VARIABLE = "CENSUS_API_KEY"
"""Environment variable that holds the key."""

_PASSING = {408, 429, 500, 502, 503, 504}
_ATTEMPTS = 5
_LONGEST_PAUSE = 60.0

Page = list[dict[str, str | None]]


class CensusError(EntrepotError):
    """The API can't be reached, refuses the query, or answers with something else than its format."""


class NoAnswerError(CensusError):
    """The API failed on a query again and again; a smaller query may be answered."""


@dataclass(frozen=True)
class Census:
    """Where to ask, with which key, and where to keep the answers.

    A page is written under `cache` whole or not at all, so that a run which was stopped asks only for what
    is missing. `pause` waits between attempts (seconds).
    """

    client: httpx.Client
    cache: Path
    base_url: str = BASE_URL
    key: str | None = None
    pause: Callable[[float], None] = time.sleep

    def page(self, name: str, query: Mapping[str, str], columns: tuple[str, ...]) -> Page:
        """The rows that answer a query, from `cache/name.json` or else from the API.

        Raises CensusError if the API can't be reached, refuses the query or the key, or sends a page without
        one of the columns; NoAnswerError if it kept failing.
        """
        kept = self.cache / f"{name}.json"
        if kept.exists():
            try:
                return _rows(kept.read_text(encoding="utf-8"), columns, str(kept))
            except (CensusError, json.JSONDecodeError):
                kept.unlink()  # Written by an earlier version or changed by hand: ask again.
        text, rows = self._asked(name, query, columns)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(kept)
        return rows

    def _asked(self, name: str, query: Mapping[str, str], columns: tuple[str, ...]) -> tuple[str, Page]:
        parameters = {"get": ",".join(columns), **query} | ({"key": self.key} if self.key else {})
        where = f"{self.base_url} ({name}: {', '.join(f'{k}={v}' for k, v in query.items())})"
        failure, wait = "", 0.0
        for attempt in range(_ATTEMPTS):
            if attempt:
                self.pause(max(wait, min(2.0**attempt / 2, _LONGEST_PAUSE)))
            try:
                response = self.client.get(self.base_url, params=parameters, follow_redirects=False)
            except httpx.TransportError as error:
                failure = f"no answer ({error or type(error).__name__})"
                continue
            if response.status_code in _PASSING:
                failure = f"status {response.status_code}"
                wait = _seconds(response.headers.get("retry-after", "0"))
                continue
            text = _body(response, where, with_key=bool(self.key))
            try:
                return text, _rows(text, columns, where)
            except json.JSONDecodeError as error:
                failure = f"JSON that breaks off or is malformed ({error})"
        if failure.startswith("no answer"):
            raise CensusError(
                f"{where}: {failure} in {_ATTEMPTS} attempts; check the network and the address"
            )
        raise NoAnswerError(
            f"{where}: {failure} in each of {_ATTEMPTS} attempts; try again later: pages had are kept"
        )


def _body(response: httpx.Response, where: str, *, with_key: bool) -> str:
    """The text of an answer that is final. Raises CensusError if it is a refusal."""
    text = response.text.strip()
    about_key = "x-datawebapi-keyerror" in response.headers or (
        "key" in response.headers.get("location", text[:3000]).lower() and not text.startswith("[")
    )
    if response.status_code == 204:
        return "[]"
    if response.is_redirect or text[:1] == "<":
        if about_key:
            fault = "does not accept this key" if with_key else "asks for a key"
            raise CensusError(
                f"{where}: the API {fault}; get one, free of charge, at {KEY_SIGNUP} and give it "
                f"as --key or in {KEY_VARIABLE}"
            )
        raise CensusError(f"{where}: the answer is a web page, not JSON; check the address")
    if response.status_code != 200:
        raise CensusError(
            f"{where}: status {response.status_code}: {' '.join(text.split())[:300] or 'no message'}"
        )
    return text


def _seconds(retry_after: str) -> float:
    """The pause asked for; a date in its place is answered by the longest pause."""
    return min(float(retry_after), _LONGEST_PAUSE) if retry_after.isdigit() else _LONGEST_PAUSE


def _rows(text: str, columns: tuple[str, ...], where: str) -> Page:
    """The rows of a page by column. Raises JSONDecodeError, or CensusError if it has another form."""
    content: Any = json.loads(text)
    if content == []:
        return []
    if not (isinstance(content, list) and all(isinstance(row, list) for row in content)):
        raise CensusError(f"{where}: the answer isn't a list of rows; check the address")
    header, *rows = content
    missing = [column for column in columns if column not in header]
    if missing:
        raise CensusError(
            f"{where}: the page has no column {', '.join(missing)}; it has {', '.join(map(str, header))}"
        )
    wrong = next((i for i, row in enumerate(rows, start=1) if len(row) != len(header)), None)
    if wrong is not None:
        raise CensusError(f"{where}: row {wrong} has {len(rows[wrong - 1])} fields, the header {len(header)}")
    # A column that also serves as a condition stands in the page twice, with the same values.
    places = [header.index(column) for column in columns]
    return [{column: row[place] for column, place in zip(columns, places, strict=True)} for row in rows]
