"""What a scenario names, checked against the world and the options there are, before any work is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from entrepot.equilibrium import Options
from entrepot.errors import OptionError, ScenarioError
from entrepot.scenario.read import ScenarioFile
from entrepot.suggest import near
from entrepot.world import World


def check_names(file: ScenarioFile, world: World, options: Options) -> None:
    """Check the economies and options a scenario names.

    Raises ScenarioError for an economy that the world doesn't have, OptionError for an option.
    """
    for key, code in _economies(file):
        if code not in world.economies:
            raise ScenarioError(
                f"{file.path}: {key}: {code!r} is no economy of the world {world.name}"
                f"{near(code, world.economies)}; it has {', '.join(world.economies)}"
            )
    for other in file.scenario.sensitivity:
        with_options(file, f"sensitivity {other.label!r}", options, other.options)


def _economies(file: ScenarioFile) -> Iterator[tuple[str, str]]:
    """Codes that must be the world's own, each with the key that it stands under."""
    scenario = file.scenario
    # A scenario may leave its focus out; the message must not send people looking for it.
    focus = "focus" if "focus" in scenario.model_fields_set else "focus (not given, by default)"
    yield from ((focus, code) for code in scenario.focus)
    for answer in scenario.retaliation:
        yield from (("retaliation.by", code) for code in answer.by if code != "*")


def with_options(file: ScenarioFile, key: str, options: Options, given: Mapping[str, Any]) -> Options:
    """Options with those of a scenario laid over. Raises OptionError naming file and key."""
    known = [field.name for field in fields(Options)]
    for name in given:
        if name not in known:
            raise OptionError(
                f"{file.path}: {key}: {name!r} is no option of the model{near(name, known)}; "
                f"there are {', '.join(known)}"
            )
    try:
        return options.changed(**given)
    except OptionError as error:
        raise OptionError(f"{file.path}: {key}: {error}") from None
