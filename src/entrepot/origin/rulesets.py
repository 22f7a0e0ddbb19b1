"""Sets of rules by name, from the package or from a file."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from entrepot.errors import RuleError
from entrepot.origin.rules import RuleSet
from entrepot.suggest import near


def names() -> tuple[str, ...]:
    """Names of the sets in the package, sorted."""
    folder = files("entrepot.origin") / "rules"
    return tuple(sorted(entry.name.rpartition(".")[0] for entry in folder.iterdir() if "." in entry.name))


def find_rules(name: str) -> RuleSet:
    """A set by its name or by the path of a file (TOML or JSON).

    Raises RuleError if there is neither, or the file holds no set of rules, naming the key.
    """
    if name in names():
        return _built_in(name)
    path = Path(name)
    if path.suffix in (".toml", ".json"):
        return read_rules(path)
    raise RuleError(
        f"rules {name!r}: there is no such set{near(name, names())}; there are {', '.join(names())}, or give a "
        "file (.toml, .json)"
    )


def read_rules(path: Path) -> RuleSet:
    """A set of rules from a TOML file, or from JSON: ours, or the rule tables of UK agreements.

    Raises RuleError if it can't be read or holds no such thing, naming file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: can't be read: {error}") from None
    return parse_rules(text, str(path), json_text=path.suffix == ".json")


def parse_rules(text: str, file: str, *, json_text: bool = False) -> RuleSet:
    """A set of rules from text; see `read_rules`."""
    try:
        entries = json.loads(text) if json_text else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise RuleError(f"{file}: can't be read: {error}") from None
    if isinstance(entries, dict) and "rule_sets" in entries:
        from entrepot.origin.uk import from_uk  # noqa: PLC0415  (needed for such files only)

        return from_uk(entries, file).rule_set
    try:
        return RuleSet.model_validate(entries)
    except ValidationError as error:
        first = error.errors()[0]
        # The tags of unions are not keys of the file.
        where = ".".join(str(step) for step in first["loc"])
        raise RuleError(f"{file}: {where}: {first['msg']} (found {str(first['input'])[:80]})") from None


@lru_cache(maxsize=16)
def _built_in(name: str) -> RuleSet:
    folder = files("entrepot.origin") / "rules"
    for suffix in (".toml", ".json"):
        entry = folder / f"{name}{suffix}"
        if entry.is_file():
            return parse_rules(
                entry.read_text(encoding="utf-8"), f"{name}{suffix}", json_text=suffix == ".json"
            )
    raise RuleError(f"rules {name!r}: no file")
