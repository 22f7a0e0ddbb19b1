"""One question in one file: a base law, a changed law, a world; and the way from it to consequences."""

from entrepot.scenario.consequences import Workshop, run
from entrepot.scenario.model import Scenario
from entrepot.scenario.outcome import Outcome, Variation
from entrepot.scenario.read import built_in_names, find_scenario, read_scenario

__all__ = [
    "Outcome",
    "Scenario",
    "Variation",
    "Workshop",
    "built_in_names",
    "find_scenario",
    "read_scenario",
    "run",
]
