"""What can be checked of a scenario before it is run."""

from __future__ import annotations

from entrepot.economies import is_economy, is_group
from entrepot.errors import ScenarioError
from entrepot.law.facts import parse_given
from entrepot.law.read import find_book
from entrepot.scenario.consequences import open_setting
from entrepot.scenario.names import check_names
from entrepot.scenario.read import ScenarioFile
from entrepot.scenario.shock import changed_book, check_days


def check_scenario(file: ScenarioFile) -> list[str]:
    """Open everything a scenario names but the ledger, and say what was found.

    Raises ScenarioError, LawError, UnknownCode, OptionError or WorldError for what isn't there.
    """
    scenario = file.scenario
    said = [f"{scenario.name}: {scenario.title}"]
    setting = open_setting(file)  # as a run does, so that a scenario that passes here isn't refused there
    world = setting.world
    check_names(file, world, setting.options)
    said.append(f"world {world.name}: {len(world.economies)} economies, {len(world.sectors)} sectors")
    for variant, change in scenario.changes():
        for code in change.origins:
            if not (is_economy(code) or is_group(code)):
                raise ScenarioError(f"{file.path}: change.origins: {code!r} is no economy and no group")
        if scenario.base is None:
            said.append(f"variant {variant.name}: tariffs {change.tariffs}")
            continue
        check_days(scenario.base, change, file)
        before = find_book(scenario.base.book).regime(scenario.base.on, scenario.base.as_known)
        book = changed_book(scenario.base, change, file).with_readings(change.readings)
        on = change.on or scenario.base.on
        after = book.regime(on, change.as_known)
        for text in change.facts:
            parse_given(text)
        said.append(
            f"variant {variant.name}: {len(before.measures)} measures on {scenario.base.on}, "
            f"{len(after.measures)} on {on}" + (f" for {', '.join(change.origins)}" if change.origins else "")
        )
    return said
