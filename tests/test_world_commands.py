"""The commands as a newcomer types them: right input, wrong input, what is written where."""

import json
import zipfile
from pathlib import Path

import httpx
import polars as pl
import pytest

from entrepot.cli import app
from entrepot.cli import main as run_main
from entrepot.errors import WorldError
from entrepot.world import load, reference
from entrepot.world.download import extract_year, fetch, oecd_icio


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Exit code of `entrepot words`, as the installed command gives it."""
    assert app.info.name == "entrepot"
    monkeypatch.setattr("sys.argv", ["entrepot", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        run_main()
    return int(stop.value.code or 0)


def test_content_of_china_in_vietnam(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "content", "--of", "CHN", "--in", "VNM", "--to", "USA", "--format", "csv") == 0
    printed = capsys.readouterr()
    table = pl.read_csv(printed.out.encode())
    total = table.row(-1, named=True)
    assert total["sector"] == "total"
    assert round(total["content_rate"], 3) == 0.202
    assert round(total["direct_rate"], 3) == 0.162
    assert 0.18 < total["low_rate"] < 0.202 < total["high_rate"] < 0.24
    assert "Estimated from facts by balancing" in printed.err
    assert "published: 28% to 30% in 2022, ADB MRIO" in printed.err


def test_content_of_one_sector_and_tier(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("content", "--of", "chn", "--in", "vnm", "--sector", "elc", "--tiers", "1", "--no-range")
    assert (
        run(
            monkeypatch,
            *asked,
            "--format",
            "json",
            "--out",
            tmp_path / "c.json",
            "--chart",
            tmp_path / "c.svg",
        )
        == 0
    )
    rows = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert [r["sector"] for r in rows] == ["ELC", "total"]
    assert rows[0]["content_rate"] == pytest.approx(rows[0]["direct_rate"])
    assert "Value of CHN in exports of VNM" in (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("content", "--of", "CHX", "--in", "VNM"), "CHX: no economy of reference-2023; near: CHN"),
        (("content", "--of", "CHN", "--in", "VNM", "--sector", "ELX"), "ELX: no sector of reference-2023"),
        (("content", "--of", "CHN", "--in", "VNM", "--tiers", "0"), "--tiers 0: give 1, 2, 3"),
        (
            ("content", "--of", "CHN", "--in", "VNM", "--world", "nowhere.nc"),
            "nowhere.nc: no world; give reference-2023",
        ),
        (("content", "--of", "CHN", "--in", "VNM", "--to", "VNM", "--no-range"), "VNM sells nothing of"),
        (("world", "check", "nowhere.nc"), "no world"),
        (("world", "aggregate", "reference-2023", "--out", "a.nc", "--economies", "ASIA"), "write GROUP=A,B"),
        (("data", "world", "oecd-icio"), "give either --year to fetch a table or --file"),
        (("data", "world", "oecd-icio", "--year", "1901"), "edition 2023 has no 1901"),
    ],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert run(monkeypatch, *words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err


def test_world_info_says_first_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "world", "info", "reference-2023") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Estimated from facts by balancing, 2023; not an official table.")
    assert "0.090 (pairs) and 0.062 (totals)" in first


def test_world_aggregate_check_balance(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keep = [c for c in reference().economies if c not in ("USA", "CHN", "VNM")]
    goods = reference().sectors[:14]
    small = tmp_path / "small.nc"
    asked = ("--economies", "REST=" + ",".join(keep), "--sectors", "GOODS=" + ",".join(goods), "--out", small)
    assert run(monkeypatch, "world", "aggregate", "reference-2023", *asked) == 0
    assert load(small).economies == ("USA", "CHN", "VNM", "REST")
    assert run(monkeypatch, "world", "check", small) == 0
    targets = tmp_path / "targets.csv"
    targets.write_text(
        "kind,economy,partner_or_sector,value_usd,reliability\ngdp,VNM,,460e9,1\ntrade,CHN,VNM,150e9,1\n"
    )
    assert (
        run(
            monkeypatch,
            "world",
            "balance",
            small,
            targets,
            "--out",
            tmp_path / "b.npz",
            "--moves",
            tmp_path / "m.csv",
            "--format",
            "csv",
        )
        == 0
    )
    after = load(tmp_path / "b.npz")
    assert float(after.wage_income.sel(economy="VNM")) == pytest.approx(460e9, rel=1e-6)
    assert float(after.flow.sel(exporter="CHN", importer="VNM").sum()) == pytest.approx(150e9, rel=1e-6)
    assert pl.read_csv(tmp_path / "m.csv").height == 50
    targets.write_text("kind,economy,partner_or_sector,value_usd\ngdp,VNM,,lots\n")
    assert run(monkeypatch, "world", "balance", small, targets, "--out", tmp_path / "b.npz") == 2
    assert "targets.csv, row 2: kind gdp with value lots" in capsys.readouterr().err


def test_world_estimate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = Path(__file__).parents[1] / "src" / "entrepot" / "data" / "world" / "reference-2023"
    assert run(monkeypatch, "world", "estimate", facts, "--out", tmp_path / "w.nc") == 0
    assert "facts met to" in capsys.readouterr().err
    assert "Estimated from facts" in load(tmp_path / "w.nc").statement
    assert run(monkeypatch, "world", "estimate", tmp_path, "--out", tmp_path / "x.nc") == 2
    assert "economies.csv: can't be read" in capsys.readouterr().err


CONTENT = bytes(range(256)) * 40


class Breaking(httpx.SyncByteStream):
    """A body that stops in the middle."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield CONTENT[:4000]
        raise httpx.ReadError("connection lost")


def test_a_fetch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Range"))
        if len(asked) == 1:
            return httpx.Response(200, stream=Breaking())
        start = int(str(asked[-1]).removeprefix("bytes=").removesuffix("-"))
        return httpx.Response(206, content=CONTENT[start:])

    seen: list[tuple[int, int | None]] = []
    path = tmp_path / "table.zip"
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        digest = fetch(client, "https://example.org/t", path, lambda *a: seen.append(a))
        assert asked == [None, "bytes=4000-"]
        assert path.read_bytes() == CONTENT
        assert seen[-1] == (len(CONTENT), len(CONTENT))
        assert fetch(client, "https://example.org/t", path, lambda *a: None) == digest
        assert len(asked) == 2
        path.write_bytes(CONTENT[:-1])
        with pytest.raises(WorldError, match=r"SHA-256 is .* as expected: delete it"):
            fetch(client, "https://example.org/t", path, lambda *a: None)


def test_a_refused_fetch_and_a_page_in_place_of_an_archive(tmp_path: Path) -> None:
    def client(status: int, text: str = "") -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text=text)))

    with client(404) as refusing, pytest.raises(WorldError, match="404"):
        fetch(refusing, "https://example.org/t", tmp_path / "a", lambda *a: None)
    with client(200, "<html>") as page, pytest.raises(WorldError, match="is no archive, perhaps a page"):
        oecd_icio(page, 2020, tmp_path, lambda *a: None)
    with client(200) as any_page, pytest.raises(WorldError, match="edition 1999: not offered"):
        oecd_icio(any_page, 2020, tmp_path, lambda *a: None, edition="1999")


def test_the_year_is_taken_from_the_bundle(tmp_path: Path) -> None:
    archive = tmp_path / "ICIO2023_2016-2020.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("2019_SML.csv", "a")
        bundle.writestr("2020_SML.csv", "b")
    assert extract_year(archive, 2020, tmp_path / "ICIO2023_2020.csv").read_text() == "b"
    with pytest.raises(WorldError, match=r"0 tables of 2016; it holds 2019_SML\.csv"):
        extract_year(archive, 2016, tmp_path / "x.csv")
