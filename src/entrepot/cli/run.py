"""`entrepot run`: from a change of law to its consequences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.report.press import Press
    from entrepot.scenario import Outcome

SIDE_BY_SIDE = "side-by-side"


def run(
    scenarios: Annotated[
        list[str], typer.Argument(help="Names of built-in scenarios (entrepot scenario list), or files.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("out"),
    draws: Annotated[
        int, typer.Option("--draws", min=0, help="Sets of trade elasticities to draw, for bands.")
    ] = 0,
) -> None:
    """Run scenarios: duties on real trade, the world after, a report.

    Writes out/NAME with results (netCDF, Parquet), summary.csv, report.html and the scenario as it was run;
    with several names also out/side-by-side.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    from entrepot.report.press import beside
    from entrepot.report.scenario_summary import summary_text
    from entrepot.scenario import Workshop, find_scenario
    from entrepot.scenario import run as run_scenario
    from entrepot.scenario.write import check_writable

    found = [find_scenario(name) for name in dict.fromkeys(scenarios)]
    names = [f.scenario.name for f in found]
    if len(set(names)) < len(names) or SIDE_BY_SIDE in names:
        raise ScenarioError(f"{', '.join(names)}: give each scenario a name of its own, not {SIDE_BY_SIDE}")
    check_writable(out)
    done: list[Outcome] = []
    written: list[Future[Path]] = []
    store = out / ".draws"
    # What is solved is drawn and written while the next scenario is solved; two pages at a time, so that one
    # is put together while the other waits for its pictures.
    with _progress() as say, beside() as press, ThreadPoolExecutor(2) as desk:
        shop = Workshop(say=say, draws=draws, store=store if draws else None)
        for file in found:
            done.append(run_scenario(file, shop))
            written.append(desk.submit(_write, done[-1], out, press))
        say("drawing and writing the reports")
        if len(done) > 1:
            written.append(desk.submit(_compare, done, out, press))
        summary = summary_text(done)
        folders = [folder.result() for folder in written]
    _forget(store)
    sys.stdout.write(summary)
    sys.stdout.write("".join(f"report: {path / 'report.html'}\n" for path in folders))


def _write(outcome: Outcome, out: Path, press: Press) -> Path:
    from entrepot.report.scenario import report_files
    from entrepot.scenario.write import write_outcome

    return write_outcome(outcome, out, report_files(outcome, press))


def _compare(outcomes: list[Outcome], out: Path, press: Press) -> Path:
    from entrepot.report.scenario import comparison_page
    from entrepot.scenario.write import write_comparison

    return write_comparison(outcomes, out, SIDE_BY_SIDE, comparison_page(outcomes, press))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """On a terminal, what is being worked on."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield status.update


def _forget(store: Path) -> None:
    """Remove finished draws: the results hold them now."""
    import shutil

    shutil.rmtree(store, ignore_errors=True)
