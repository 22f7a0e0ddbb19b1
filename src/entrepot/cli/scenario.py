"""`entrepot scenario`: list the built-in scenarios, start a new one, check one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.output import Format, FormatOption, OutOption, emit
from entrepot.errors import ScenarioError

app = typer.Typer(help="Questions in files: list, start and check them.", no_args_is_help=True)

TEMPLATE = "vietnam-10-15"
"""The built-in scenario that a new one starts as: a rate of one's own in an overlay."""


@app.command("list")
def list_(form: FormatOption = Format.table, out: OutOption = None) -> None:
    """The scenarios that come with the package."""
    import polars as pl

    from entrepot.scenario.read import built_in_names, find_scenario

    found = [find_scenario(name).scenario for name in built_in_names()]
    rows = [(s.name, s.title, ", ".join(v.name for v in s.variant), s.question) for s in found]
    frame = pl.DataFrame(rows, schema=["name", "title", "variants", "question"], orient="row")
    emit(frame, form, out, title="Scenarios: entrepot run NAME")


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="File to write, e.g. my-question.toml.")],
    like: Annotated[str, typer.Option("--from", help="Built-in scenario to start from.")] = TEMPLATE,
) -> None:
    """Write a scenario file to start from."""
    import re

    from entrepot.scenario.read import built_in_names, find_scenario

    if path.exists():
        raise ScenarioError(f"{path}: is there already; give another name")
    if like not in built_in_names():
        raise ScenarioError(f"--from {like}: no built-in scenario; there are {', '.join(built_in_names())}")
    name = re.sub(r"[^a-z0-9.+-]+", "-", path.stem.lower()).strip("-.+") or "my-scenario"
    text = find_scenario(like).text.replace(f'name = "{like}"', f'name = "{name}"', 1)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: can't be written: {error.strerror or error}") from None
    sys.stdout.write(f"{path}: a copy of {like} named {name}. Change it, then: entrepot run {path}\n")


@app.command()
def check(scenario: Annotated[str, typer.Argument(help="Name or file.")]) -> None:
    """Check a scenario: its keys, the law it names and changes, its world."""
    from entrepot.scenario.check import check_scenario
    from entrepot.scenario.read import find_scenario

    for line in check_scenario(find_scenario(scenario)):
        sys.stdout.write(line + "\n")
