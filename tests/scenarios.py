"""Small scenarios for tests."""

from pathlib import Path

from entrepot.scenario import read_scenario
from entrepot.scenario.read import ScenarioFile

NO_CHANGE = """
name = "nothing"
title = "No change of law"
question = "What does no change do?"
[base]
on = 2025-04-04
[change]
on = 2025-04-04
[[sensitivity]]
label = "other elasticity"
options = { elasticity = 6.0 }
"""


def scenario(folder: Path, text: str, name: str = "s.toml") -> ScenarioFile:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_scenario(path)
