"""A scenario as it was run: written back as TOML whose paths lead from the folder of its results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from entrepot.scenario.model import Scenario
from entrepot.scenario.read import ScenarioFile

INPUTS = "inputs"
"""Folder beside the resolved scenario that holds the files it names."""


def names_there(scenario: Scenario) -> dict[Path, str]:
    """What each file that travels with the results is called among them.

    Its own name where that is free; else with a number, so that over.toml of two folders stay two files. What
    was renamed so keeps its name when it is run and written again.
    """
    names: dict[Path, str] = {}
    taken: set[str] = set()
    kept = {Path(scenario.ledger)} if scenario.ledger is not None else set()
    paths = [p for p in scenario.files() if p not in kept]
    # Numbers must not take a name that another file has of its own.
    own = {p.name.casefold() for p in paths}
    for path in paths:
        name, number = path.name, 1
        while name.casefold() in taken or (number > 1 and name.casefold() in own):
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        taken.add(name.casefold())  # some file systems hold Over.toml and over.toml as one
        names[path] = name
    return names


def copies(file: ScenarioFile) -> dict[str, Path]:
    """Files that travel with the results, by their name there; ledgers and worlds stay where they are."""
    names = names_there(file.scenario)
    return {f"{INPUTS}/{name}": file.beside(str(path)) for path, name in names.items()}


def resolved(file: ScenarioFile, folder: Path) -> str:
    """The scenario as TOML that gives the same results when run from `folder`."""
    data = file.scenario.model_dump(mode="python", by_alias=True, exclude_unset=True)
    _move(data, file, folder)
    return as_toml(data)


def _move(data: dict[str, Any], file: ScenarioFile, folder: Path) -> None:
    """Let every path of a scenario lead from another folder."""

    names = names_there(file.scenario)

    def copied(name: str) -> str:
        # A file of [change] that every variant replaces isn't used, and has no name there.
        return f"{INPUTS}/{names.get(Path(name), Path(name).name)}"

    def kept(name: str) -> str:
        there = file.beside(name)
        return os.path.relpath(there, folder) if there.exists() else name

    changes = [data.get("change", {}), *(v.get("change", {}) for v in data.get("variant", ()))]
    for change in changes:
        if change.get("tariffs") not in (None, "preset"):
            change["tariffs"] = copied(change["tariffs"])
        if "files" in change.get("overlay", {}):
            change["overlay"]["files"] = [copied(name) for name in change["overlay"]["files"]]
    world = data.get("world", {})
    if "concordance" in world:
        world["concordance"] = copied(world["concordance"])
    for key in ("data", "name"):
        if key in world:
            world[key] = kept(world[key])
    if "ledger" in data:
        data["ledger"] = kept(data["ledger"])


def canonical(scenario: Scenario) -> str:
    """A text that two scenarios share if they ask the same, wherever their files lie."""
    data = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    data.get("world", {}).pop("data", None)
    data.pop("ledger", None)
    names = names_there(scenario)

    def there(name: str) -> str:
        return names.get(Path(name), Path(name).name)

    for change in [data.get("change", {}), *(v.get("change", {}) for v in data.get("variant", ()))]:
        if "files" in change.get("overlay", {}):
            change["overlay"]["files"] = [there(name) for name in change["overlay"]["files"]]
        if change.get("tariffs"):
            change["tariffs"] = there(change["tariffs"])
    if data.get("world", {}).get("concordance"):
        data["world"]["concordance"] = there(data["world"]["concordance"])
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def as_toml(data: Mapping[str, Any]) -> str:
    """Plain data as TOML: keys first, then tables, then arrays of tables; what lies deeper is inline."""
    plain = {k: v for k, v in data.items() if not isinstance(v, Mapping) and not _tables(v)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in plain.items() if v is not None]
    for name, table in data.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_key(name)}]", *_rows(table)]
    for name, tables in data.items():
        if _tables(tables):
            for table in tables:
                lines += ["", f"[[{_key(name)}]]", *_rows(table)]
    return "\n".join(lines) + "\n"


def _tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _rows(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None]


def _key(name: str) -> str:
    bare = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if bare else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_rows(value)) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
