"""World tables: who makes what, out of what, for whom."""

from entrepot.world.checks import Finding
from entrepot.world.reference import open_world, reference, reference_facts
from entrepot.world.store import load, save
from entrepot.world.table import BASIS, DIMS, UNITS, World, dataset, diagnose

__all__ = [
    "BASIS",
    "DIMS",
    "UNITS",
    "Finding",
    "World",
    "dataset",
    "diagnose",
    "load",
    "open_world",
    "reference",
    "reference_facts",
    "save",
]
