"""Reading scenarios from files, with errors that name file and key."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from entrepot.errors import ScenarioError
from entrepot.scenario.model import Scenario
from entrepot.suggest import near

BUILT_IN = Path(__file__).parent.parent / "scenarios"
"""The folder of the scenarios that come with the package."""


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario with the file it was read from: its text, and the folder that its paths start from."""

    scenario: Scenario
    path: Path
    text: str

    def beside(self, name: str) -> Path:
        """A file that the scenario names, found from the scenario's own folder."""
        return self.path.parent / name


def built_in_names() -> tuple[str, ...]:
    """Names of the scenarios that come with the package."""
    return tuple(sorted(path.stem for path in BUILT_IN.glob("*.toml")))


def find_scenario(name: str) -> ScenarioFile:
    """A scenario by its file or, where there is no such file, by the name of a built-in one.

    Raises ScenarioError if there is neither, or as `read_scenario` does.
    """
    path = Path(name)
    if path.is_file():
        return read_scenario(path)
    if name in built_in_names():
        return read_scenario(BUILT_IN / f"{name}.toml")
    raise ScenarioError(
        f"{name}: no such file, and no built-in scenario{near(name, built_in_names())}; "
        f"there are {', '.join(built_in_names())}"
    )


def read_scenario(path: Path) -> ScenarioFile:
    """Read and check one file.

    Raises ScenarioError naming file and key for what is no TOML, a key that is unknown or missing, a value
    that makes no sense, or a file it names that isn't there.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ScenarioError(f"{path}: can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not valid TOML: {error}") from None
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        complaints = "; ".join(_complaint(item) for item in error.errors())
        raise ScenarioError(f"{path}: {complaints}") from None
    found = ScenarioFile(scenario, path, text)
    for name in scenario.files():
        if not found.beside(str(name)).is_file():
            raise ScenarioError(f"{path}: names the file {name}, and there is none beside it")
    return found


def _complaint(item: Any) -> str:
    """One error of pydantic in words: key, what was found, what would do."""
    loc = item["loc"]
    key = ".".join(str(part) for part in loc) or "the file"
    if item["type"] == "extra_forbidden":
        known = _keys(Scenario, loc[:-1])
        return f"unknown key {key!r}{near(str(loc[-1]), known)}; known: {', '.join(known)}"
    if item["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    found = "" if isinstance(item["input"], dict) or "found" in message else f" (found {item['input']!r})"
    return f"{key}: {message}{found}"


def _keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """The keys that may stand at a place of a file."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            inner = _models(model.model_fields[part].annotation)
            if inner:
                model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
