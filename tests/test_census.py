"""The Census client against a local server that answers in the API's format. Nothing leaves the machine."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from entrepot import ledger
from entrepot.cli.data import app
from entrepot.errors import EntrepotError, LedgerError
from entrepot.sources.census import Census, CensusError, NoAnswerError
from entrepot.sources.us_imports import us_imports

PARTNERS = [
    ["CTY_CODE", "CTY_NAME", "CON_VAL_YR", "CAL_DUT_YR", "SUMMARY_LVL", "time"],
    ["-", "TOTAL FOR ALL COUNTRIES", "1166", "36", "DET", "2024-12"],
    ["0003", "EUROPEAN UNION", "60", "6", "CGP", "2024-12"],
    ["0020", "USMCA (NAFTA)", "0", "0", "CGP", "2024-12"],
    ["4279", "FRANCE", "40", "4", "DET", "2024-12"],
    ["4280", "GERMANY", "20", "2", "DET", "2024-12"],
    ["5082", "GAZA STRIP", "1", "0", "DET", "2024-12"],
    ["5083", "WEST BANK", "5", "0", "DET", "2024-12"],
    ["5520", "VIETNAM", "1000", "30", "DET", "2024-12"],
    ["5600", "INDONESIA", "0", "0", "DET", "2024-12"],
    ["8888", "UNIDENTIFIED", "100", "0", "DET", "2024-12"],
]
LINES = {
    "0003": [["0101210010", "60", "6"]],
    "5082": [["0101210010", "1", "0"]],
    "5083": [["0101210010", "5", "0"]],
    "5520": [["7326908688", "900", "30"], ["8517130000", "100", "0"]],
    "8888": [["9999950000", "100", "0"]],
}

Answer = tuple[int, str, dict[str, str]]


def page(rows: list[list[str]], code: str) -> str:
    header = ["I_COMMODITY", "CON_VAL_YR", "CAL_DUT_YR", "time", "COMM_LVL", "CTY_CODE"]
    return json.dumps([header, *([*row, "2024-12", "HS10", code] for row in rows)])


def regular(query: dict[str, str]) -> Answer:
    """What the API answers when all is well."""
    if "CTY_CODE" not in query:
        return (200, json.dumps(PARTNERS), {}) if query["time"] == "2024-12" else (204, "", {})
    chapter = query.get("I_COMMODITY", "*").rstrip("*")
    rows = [row for row in LINES[query["CTY_CODE"]] if row[0].startswith(chapter)]
    return (200, page(rows, query["CTY_CODE"]), {}) if rows else (204, "", {})


@dataclass
class Api:
    """A local server: the queries it had, and how it answers."""

    url: str = ""
    queries: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[dict[str, str]], Answer] = regular

    def asked(self) -> list[str]:
        return [query.get("CTY_CODE", "partners") for query in self.queries]


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            found.queries.append(query)
            status, body, headers = found.answer(query)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/imports/hs"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join(timeout=10)


@pytest.fixture
def census(api: Api, tmp_path: Path) -> Iterator[Census]:
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield Census(client, tmp_path / "cache", api.url, key="secret", pause=lambda seconds: None)


def first(answers: list[Answer], code: str = "5520") -> Callable[[dict[str, str]], Answer]:
    """These answers to the first queries for a partner, then the regular ones."""
    left = list(answers)
    return lambda query: left.pop(0) if left and query.get("CTY_CODE") == code else regular(query)


ROWS = [
    ("USA", "EU27", "0101210010", 60, 6),
    ("USA", "PSE", "0101210010", 6, 0),
    ("USA", "ROW", "9999950000", 100, 0),
    ("USA", "VNM", "7326908688", 900, 30),
    ("USA", "VNM", "8517130000", 100, 0),
]


def test_a_year_becomes_a_ledger(api: Api, census: Census) -> None:
    had: list[tuple[int, int, str]] = []
    found = us_imports(census, 2024, lambda *page: had.append(page))
    assert found.table.rows() == ROWS
    assert found.table.columns == ["importer", "origin", "product", "value_usd", "duty_usd"]
    assert found.notes == ("partner 8888 (UNIDENTIFIED, 100 USD) names no economy: as ROW",)
    assert api.asked() == ["partners", "0003", "5082", "5083", "5520", "8888"]
    assert api.queries[1] == {
        "get": "I_COMMODITY,CON_VAL_YR,CAL_DUT_YR",
        "time": "2024-12",
        "COMM_LVL": "HS10",
        "CTY_CODE": "0003",
        "key": "secret",
    }
    assert had[-1] == (5, 5, "UNIDENTIFIED")


@pytest.mark.parametrize(
    "failures",
    [
        [(500, "", {}), (503, "", {})],
        [(429, "", {"Retry-After": "1"})],
        [(200, page(LINES["5520"], "5520")[:60], {})],
        [(200, "", {})],
    ],
    ids=["server error", "too many requests", "JSON that breaks off", "nothing"],
)
def test_what_passes_is_tried_again(api: Api, census: Census, failures: list[Answer]) -> None:
    api.answer = first(failures)
    assert us_imports(census, 2024).table.rows() == ROWS
    assert api.asked().count("5520") == len(failures) + 1


def test_pauses_grow_and_follow_what_the_server_asks(api: Api, census: Census) -> None:
    pauses: list[float] = []
    patient = Census(census.client, census.cache, api.url, pause=pauses.append)
    api.answer = first([(500, "", {}), (503, "", {}), (429, "", {"Retry-After": "7"})])
    us_imports(patient, 2024)
    assert pauses == [1.0, 2.0, 7.0]


def test_a_run_that_was_stopped_asks_only_for_what_is_missing(api: Api, census: Census) -> None:
    def killed(had: int, *_: object) -> None:
        if had == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        us_imports(census, 2024, killed)
    assert api.asked() == ["partners", "0003", "5082", "5083"]
    api.queries.clear()
    assert us_imports(census, 2024).table.rows() == ROWS
    assert api.asked() == ["5520", "8888"]
    api.queries.clear()
    assert us_imports(census, 2024).table.rows() == ROWS
    assert api.asked() == []


def test_a_page_cut_short_on_disk_is_asked_for_again(api: Api, census: Census) -> None:
    us_imports(census, 2024)
    kept = census.cache / "2024" / "5520.json"
    kept.write_text(kept.read_text()[:50])
    api.queries.clear()
    assert us_imports(census, 2024).table.rows() == ROWS
    assert api.asked() == ["5520"]
    assert not list(census.cache.rglob("*.part"))


def test_the_key_is_not_kept(census: Census) -> None:
    us_imports(census, 2024)
    assert not [path for path in census.cache.rglob("*") if path.is_file() and "secret" in path.read_text()]


def test_a_partner_too_large_is_asked_for_by_chapter(api: Api, census: Census) -> None:
    def too_large(query: dict[str, str]) -> Answer:
        whole = query.get("CTY_CODE") == "5520" and "I_COMMODITY" not in query
        return (504, "", {}) if whole else regular(query)

    api.answer = too_large
    assert us_imports(census, 2024).table.rows() == ROWS
    assert {"I_COMMODITY": "73*"}.items() <= next(
        q for q in api.queries if q.get("I_COMMODITY") == "73*"
    ).items()
    assert len([q for q in api.queries if "I_COMMODITY" in q]) == 98


def test_before_2020_the_members_stand_alone(api: Api, census: Census) -> None:
    def earlier(query: dict[str, str]) -> Answer:
        if "CTY_CODE" not in query:
            return 200, json.dumps(PARTNERS), {}
        lines = {"4279": [["0101210010", "40", "4"]], "4280": [["0101210010", "20", "2"]]}
        return (
            200,
            page(lines.get(query["CTY_CODE"], LINES.get(query["CTY_CODE"], [])), query["CTY_CODE"]),
            {},
        )

    api.answer = earlier
    assert set(us_imports(census, 2019).table["origin"]) == {"DEU", "FRA", "PSE", "ROW", "VNM"}


def test_small_gaps_to_the_total_are_noted_and_large_ones_stop(api: Api, census: Census) -> None:
    near = [["7326908688", "900", "30"], ["8517130000", "99", "0"]]
    api.answer = first([(200, page(near, "5520"), {})])
    found = us_imports(census, 2024)
    assert "the lines of partner 5520 (VIETNAM) add up to 999 USD, the API's total is 1,000" in found.notes
    (census.cache / "2024" / "5520.json").unlink()
    api.answer = first([(200, page(LINES["5520"][:1], "5520"), {})])
    with pytest.raises(LedgerError, match=r"add up to 900 USD.*delete the pages from the cache"):
        us_imports(census, 2024)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (400, "error: unknown variable 'CON_VAL_YR'", {}),
            "status 400: error: unknown variable 'CON_VAL_YR'",
        ),
        ((404, "", {}), "status 404: no message"),
        (
            (302, "", {"Location": "/data/invalid_key.html"}),
            "does not accept this key.*--key or in CENSUS_API_KEY",
        ),
        ((200, "<html><h1>Invalid Key</h1></html>", {}), "does not accept this key"),
        ((200, "<html><h1>Welcome</h1></html>", {}), "a web page, not JSON; check the address"),
        ((302, "", {"Location": "/elsewhere"}), "a web page, not JSON"),
        ((200, '{"error": 1}', {}), "isn't a list of rows"),
        ((200, '[["I_COMMODITY", "CON_VAL_YR"], ["0101210010", "1"]]', {}), "no column CAL_DUT_YR"),
        (
            (200, '[["I_COMMODITY", "CON_VAL_YR", "CAL_DUT_YR"], ["01"]]', {}),
            "row 1 has 1 fields, the header 3",
        ),
        (
            (200, page([["0101210010", "1.5", "0"]], "5520"), {}),
            "CON_VAL_YR = '1.5', which is no whole number",
        ),
        ((200, page([["", "1", "0"]], "5520"), {}), "a row without I_COMMODITY"),
    ],
)
def test_a_refusal_is_one_paragraph(api: Api, census: Census, answer: Answer, words: str) -> None:
    api.answer = first([answer] * 9)
    with pytest.raises(CensusError, match=words) as caught:
        us_imports(census, 2024)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert api.asked().count("5520") == 1


def test_without_a_key_the_api_asks_for_one(api: Api, census: Census) -> None:
    api.answer = lambda query: (302, "", {"Location": "/data/missing_key.html"})
    keyless = Census(census.client, census.cache, api.url)
    with pytest.raises(CensusError, match="asks for a key; get one, free of charge"):
        us_imports(keyless, 2024)


def test_a_server_that_only_fails(api: Api, census: Census) -> None:
    api.answer = lambda query: (500, "", {})
    with pytest.raises(NoAnswerError, match="status 500 in each of 5 attempts"):
        us_imports(census, 2024)


def test_no_network(census: Census) -> None:
    unreachable = Census(census.client, census.cache, "http://127.0.0.1:9/", pause=lambda seconds: None)
    with pytest.raises(CensusError, match=r"no answer .* check the network and the address"):
        us_imports(unreachable, 2024)


def test_years_without_data(census: Census) -> None:
    with pytest.raises(CensusError, match="no data for 2031-12"):
        us_imports(census, 2031)
    with pytest.raises(LedgerError, match="begin in 2013"):
        us_imports(census, 2012)


def test_the_command_writes_a_ledger_that_reads_back(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CENSUS_API_KEY", "secret")
    out, summary = tmp_path / "new" / "full.parquet", tmp_path / "summary.csv"
    options = ["--year", "2024", "--base-url", api.url, "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(app, ["us-imports", *options, "--out", str(out), "--summary", str(summary)])
    assert result.exit_code == 0, result.output
    assert "5 lines, 1,166 USD" in result.output
    assert api.queries[0]["key"] == "secret"
    api.answer = regular
    assert ledger.read(summary).table["product"].str.len_chars().unique().to_list() == [8]
    assert ledger.read(out).table.rows() == ROWS


def test_the_command_lets_a_users_mistake_through(api: Api, tmp_path: Path) -> None:
    options = ["--year", "2012", "--base-url", api.url, "--cache", str(tmp_path)]
    result = CliRunner().invoke(app, ["us-imports", *options])
    assert isinstance(result.exception, EntrepotError)
