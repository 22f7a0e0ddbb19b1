"""The report: its numbers are those of the files, its pictures draw them, and it asks nobody for anything."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from entrepot.errors import EntrepotError
from entrepot.report import numbers
from entrepot.report import scenario_charts as charts
from entrepot.report import scenario_frames as frames
from entrepot.report.figure import pictures
from entrepot.report.press import beside, picture
from entrepot.report.scenario import comparison_page, report_files
from entrepot.report.scenario_figures import make_figures
from entrepot.report.scenario_summary import summary_text
from entrepot.scenario import Outcome, Workshop, find_scenario, run
from entrepot.scenario.write import write_comparison, write_outcome
from scenarios import NO_CHANGE, scenario

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    shop = Workshop()
    return [run(find_scenario(name), shop) for name in ("vietnam-46", "vietnam-content-band")]


@pytest.fixture(scope="module")
def written(outcomes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out")
    for outcome in outcomes:
        write_outcome(outcome, out, report_files(outcome))
    write_comparison(outcomes, out, "side-by-side", comparison_page(outcomes))
    return out


@pytest.fixture(scope="module")
def drawn() -> Outcome:
    return run(find_scenario("vietnam-10-15"), Workshop(draws=3))


@pytest.fixture(scope="module")
def files(drawn) -> dict[str, str | bytes]:
    return report_files(drawn)


class Page(HTMLParser):
    """What a page says by its marks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[dict[str, str]] = []
        self.figures: dict[str, list[float]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._figure = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = {k: v or "" for k, v in attrs}
        self.tags.append((tag, found))
        if tag == "section":
            self._figure = ""
        if "data-figure" in found:
            self._figure = found["data-figure"]
        if "data-outcome" in found:
            self.cells.append(found)
        if self._figure and found.get("data-value"):
            self.figures.setdefault(self._figure, []).append(float(found["data-value"]))


class TestNumbersOfThePage:
    def test_equal_those_of_the_results(self, written):
        page = Page((written / "vietnam-46" / "report.html").read_text())
        results = pl.read_parquet(written / "vietnam-46" / "results.parquet")
        assert len(page.cells) > 30
        for cell in page.cells:
            variant = cell["data-variant"].split("/")[1]
            row = results.filter(pl.col("variant") == variant, pl.col("economy") == cell["data-economy"])
            value = row[cell["data-outcome"]][0]
            assert value is None if not cell["data-value"] else float(cell["data-value"]) == value

    @pytest.mark.parametrize("name", ["vietnam-46", "vietnam-content-band", "side-by-side"])
    def test_tables_equal_the_files_of_the_figures(self, written, name):
        page = Page((written / name / "report.html").read_text())
        assert {"income", "duties", "diversion", "taken-over", "timeline"} <= page.figures.keys()
        for figure, values in page.figures.items():
            frame = pl.read_csv(written / name / "figures" / f"{figure}.csv")
            stored = {v for c in frame.columns if frame[c].dtype == pl.Float64 for v in frame[c].drop_nulls()}
            assert set(values) <= stored

    def test_charts_draw_the_numbers_of_the_files(self, outcomes, written):
        several = frames.cases(outcomes[:1])
        drawn = {"income": ("value", "low", "high"), "duties": ("before_rate", "after_rate")}
        for figure in make_figures(several):
            if figure.id in drawn:
                assert figure.chart is not None
                stored = pl.read_csv(written / "vietnam-46" / "figures" / f"{figure.id}.csv")
                for width in (charts.NARROW, charts.WIDE):
                    rows = figure.chart(width).spec()["datasets"]["rows"]
                    for name in drawn[figure.id]:
                        assert [r[name] for r in rows] == stored[name].to_list()

    def test_diversion_is_that_of_the_results_and_sums_to_zero(self, outcomes):
        case = frames.cases(outcomes[:1])[0]
        taken = frames.taken_over(case)
        assert abs(taken["moved_usd"].sum()) < 1e-6 * taken["moved_usd"].abs().sum()
        moved = case.variation.result["trade_diversion"]
        table = frames.diversion(case)
        for row in table.filter(pl.col("exporter") != frames.OTHERS).iter_rows(named=True):
            exact = float(moved.sel(exporter=row["exporter"], importer=row["importer"]))
            assert row["moved_usd"] == (exact if abs(exact) >= 1 else 0)
        columns = table.group_by("importer").agg(pl.col("moved_usd").sum())
        assert columns["moved_usd"].abs().max() < 1e-9 * table["moved_usd"].abs().sum()

    def test_cases_that_call_themselves_the_same_keep_their_own_numbers(self, outcomes, tmp_path):
        ours = outcomes[0]
        scenario = ours.scenario.model_copy(update={"name": "theirs"})
        first, second = ours.variations
        theirs = replace(
            ours,
            file=replace(ours.file, scenario=scenario),
            variations=(replace(first, table=second.table, readings=second.readings),),
        )
        cases = frames.cases([replace(ours, variations=(first,)), theirs])
        assert len({c.label for c in cases}) == 2
        rows = frames.by_key(frames.summary(cases))
        found = [rows[c.label, "VNM", "real_income_pct"]["value"] for c in cases]
        wanted = [v.table.filter(pl.col("economy") == "VNM")["real_income_pct"][0] for v in (first, second)]
        assert found == wanted

    def test_published_estimates_stand_beside_ours(self, outcomes):
        table = frames.published(frames.cases(outcomes[:1]))
        assert set(table["who"]) == {"UNDP", "Winchester", "ING"}
        summary = outcomes[0].summary()
        for row in table.iter_rows(named=True):
            mine = summary.filter(pl.col("economy") == row["economy"], pl.col("outcome") == row["outcome"])
            assert row["ours"] in mine["value"].to_list()
            assert row["why"]
            assert row["source"]

    def test_the_terminal_says_the_same(self, outcomes):
        text = summary_text(outcomes)
        value = outcomes[0].variations[0].table.filter(pl.col("economy") == "VNM")["real_income_pct"][0]
        assert numbers.percent(value).split("\N{NO-BREAK SPACE}")[0] in text


class TestDraws:
    def test_the_chart_draws_the_bands_of_the_files(self, drawn, files):
        stored = pl.read_csv(str(files["figures/income.csv"]).encode())
        figure = next(f for f in make_figures(frames.cases([drawn])) if f.id == "income")
        assert figure.chart is not None
        for width in (charts.NARROW, charts.WIDE):
            spec = figure.chart(width).spec()
            ends = [e["x"]["field"] for e in (layer["encoding"] for layer in spec["layer"]) if "x" in e]
            assert {"low", "value", "q05", "q95"} <= set(ends)
            for name in ("low", "high", "q05", "q95"):
                assert [r[name] for r in spec["datasets"]["rows"]] == stored[name].to_list()
        assert "3 draws of the trade elasticities" in figure.caption
        assert "bar spans the other readings" in figure.caption

    def test_the_table_of_answers_has_them(self, drawn, files):
        text = str(files["report.html"])
        summary = drawn.summary().filter(pl.col("outcome") == "exports_pct", pl.col("economy") == "VNM")
        for row in summary.iter_rows(named=True):
            said = numbers.ends(row["q05"], row["q95"], "percent")
            assert (
                f'<small data-low="{row["q05"]!r}" data-high="{row["q95"]!r}">drawn: {said}</small>' in text
            )

    def test_without_draws_nothing_is_said_of_them(self, outcomes):
        figure = make_figures(frames.cases(outcomes[:1]))[0]
        assert "draws" not in figure.caption
        assert "q05" not in figure.frame.columns


class TestJobs:
    def test_sectors_add_up_to_the_economy(self, outcomes):
        case = frames.cases(outcomes[:1])[0]
        for economy in ("VNM", "USA", "CHN"):
            frame = frames.jobs(case, economy)
            row = case.variation.table.filter(pl.col("economy") == economy)
            assert float(frame["share_rate"].sum()) == pytest.approx(1, abs=1e-12)
            assert float((frame["share_rate"] * frame["change_pct"]).sum()) == pytest.approx(
                row["employment_pct"][0], abs=1e-6
            )

    def test_the_caption_says_whether_employment_is_fixed(self, written, tmp_path):
        assert (
            "employment as it follows the real wage" in (written / "vietnam-46" / "report.html").read_text()
        )
        fixed = run(scenario(tmp_path, NO_CHANGE))
        assert "employment, held fixed here" in str(report_files(fixed)["report.html"])


class TestDrawing:
    def test_the_same_is_made_beside_and_here(self, outcomes):
        figures = make_figures(frames.cases(outcomes[:1]))[:3]
        with beside() as press:
            there = [press(pictures, f.id, f.chart) for f in figures]
            assert [made() for made in there] == [pictures(f.id, f.chart) for f in figures]

    def test_beside_nothing_is_loaded_that_does_not_draw(self, outcomes):
        """Seconds are lost where a chart brings the model along."""
        several = [(f.id, f.chart) for f in make_figures(frames.cases(outcomes)) if f.chart is not None]
        code = (
            "import pickle, sys\n"
            "from entrepot.report.figure import pictures\n"
            "for given in pickle.load(sys.stdin.buffer): pictures(*given)\n"
            "print([m for m in ('entrepot.scenario', 'scipy', 'xarray') if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(several), capture_output=True, check=True
        )
        assert done.stdout.strip() == b"[]"

    def test_what_goes_wrong_beside_is_raised_here(self):
        with beside() as press, pytest.raises(EntrepotError, match="ended from outside"):
            press(os._exit, 1)()

    def test_labels_that_are_too_long_end_in_dots_and_stay_apart(self):
        long = "a very long name of a case that differs only at its end, number"
        rows = [
            {"label": f"{long} {k}", "name": "Vietnam", "value": k, "low": 0.0, "high": 9.0} for k in (1, 2)
        ]
        drawn = charts.for_page(picture(charts.ranges(pl.DataFrame(rows), charts.NARROW).text()), "x-")
        assert long not in drawn
        assert drawn.count(long[:30]) == drawn.count("…") == 2
        assert charts.COLOURS[0] in drawn
        assert charts.COLOURS[1] in drawn


class TestThePageItself:
    @pytest.mark.parametrize("name", ["vietnam-46", "side-by-side"])
    def test_asks_nobody_for_anything(self, written, name):
        text = (written / name / "report.html").read_text()
        page = Page(text)
        for tag, attrs in page.tags:
            assert tag not in ("script", "iframe", "object", "embed")
            for key in ("src", "href", "xlink:href"):
                assert attrs.get(key, "#").startswith(("#", "data:"))
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)

    def test_can_be_walked_through_without_a_mouse_or_eyes(self, written):
        page = Page((written / "side-by-side" / "report.html").read_text())
        assert ("html", {"lang": "en"}) in page.tags
        tables = [a for t, a in page.tags if t == "table"]
        assert len([t for t, _ in page.tags if t == "caption"]) == len(tables)
        assert all("scope" in a for t, a in page.tags if t == "th")
        pictures = [a for t, a in page.tags if "data-chart" in a]
        assert all(a["role"] == "img" and a["aria-label"] and a["aria-describedby"] for a in pictures)
        scrolled = [a for t, a in page.tags if a.get("class") == "scroll"]
        assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))

    def test_headings_go_down_one_level_at_a_time(self, written):
        page = Page((written / "vietnam-46" / "report.html").read_text())
        levels = [int(t[1]) for t, _ in page.tags if re.fullmatch("h[1-6]", t)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))

    def test_says_what_the_world_is(self, written):
        text = (written / "vietnam-46" / "report.html").read_text()
        assert "Estimated from facts by balancing" in text
        assert "belong to no sector" in text

    def test_titles_with_marks_are_escaped(self, outcomes, tmp_path):
        text = outcomes[0].file.text.replace('title = "46 % on Vietnam"', 'title = "<b>46 & more</b>"', 1)
        path = tmp_path / "s.toml"
        path.write_text(text)
        page = str(report_files(run(find_scenario(str(path))))["report.html"])
        assert "<b>46" not in page
        assert "&lt;b&gt;46 &amp; more" in page


class TestHowNumbersAreSaid:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (-3.4849, "−3.5 %"), (-0.02745, "−0.03 %"), (0.004, "0 %"), (0.0, "0 %"), (-59.418, "−59 %"),
            (124.57, "+120 %"), (0.996, "+1.0 %"), (None, "not defined"), (float("nan"), "not defined"),
        ],
    )  # fmt: skip
    def test_percent(self, value, text):
        assert numbers.percent(value).replace("\N{NO-BREAK SPACE}", " ") == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(1.2519e10, "+13 bn USD"), (-4.26e8, "−430 m USD"), (2e5, "0"), (9.6e5, "+0.96 m USD")],
    )
    def test_dollars(self, value, text):
        assert numbers.dollars(value).replace("\N{NO-BREAK SPACE}", " ") == text

    def test_ranges(self):
        said = numbers.with_range(-3.4849, -4.02, -1.57, "percent").replace("\N{NO-BREAK SPACE}", " ")
        assert said == "−3.5 % (−4.0 to −1.6)"


PROBE = """<script>
window.addEventListener('load', () => {
  const seen = [...document.querySelectorAll('.picture')].filter(p => p.getClientRects().length);
  const high = p => p.querySelector('svg').getBoundingClientRect().height > 100;
  const drawn = seen.filter(p => p.querySelectorAll('path,text').length > 5 && high(p));
  document.documentElement.dataset.probe = JSON.stringify({
    seen: seen.length, drawn: drawn.length, kinds: new Set(seen.map(p => p.dataset.chart)).size,
    wide: document.documentElement.scrollWidth, room: document.documentElement.clientWidth,
    asked: performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('data:')),
  });
});
</script></head>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the path to look at the page")
@pytest.mark.parametrize("width", [380, 1440])
@pytest.mark.parametrize("name", ["vietnam-46", "side-by-side"])
def test_in_a_browser(written, tmp_path, name, width):
    """Every chart is drawn, nothing is asked of the network, nothing sticks out, and the console is silent."""
    text = (written / name / "report.html").read_text()
    # Headless windows are no narrower than 500 points; a frame is as narrow as it is told to be.
    (tmp_path / "page.html").write_text(text.replace("</head>", PROBE, 1))
    frame = (
        f'<iframe src="page.html" style="border:0;width:{width}px;height:9000px" onload="document.title=1;'
        "document.body.dataset.probe=this.contentDocument.documentElement.dataset.probe\"></iframe>"
    )  # fmt: skip
    (tmp_path / "frame.html").write_text(f"<!doctype html><title>0</title><body>{frame}")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --allow-file-access-from-files --enable-logging=stderr "
        f"--virtual-time-budget=4000 --window-size={max(width, 500) + 20},2000 --user-data-dir={tmp_path / 'profile'} "
        "--dump-dom"
    )
    url = (tmp_path / "frame.html").as_uri()
    done = subprocess.run(
        [str(CHROMIUM), *flags.split(), url], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    probe = json.loads(found[1].replace("&quot;", '"'))
    assert probe["drawn"] == probe["seen"] == probe["kinds"] >= 6
    assert probe["asked"] == []
    assert probe["wide"] <= probe["room"] <= width
    assert probe["room"] >= width - 20  # a scroll bar
    assert "CONSOLE" not in done.stderr
