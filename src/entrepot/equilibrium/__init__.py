"""The world after a change: general equilibrium in exact hat algebra.

from entrepot.equilibrium import solve
result = solve(world, tariffs, elasticity=4)
"""

from entrepot.equilibrium.base import Base, prepare
from entrepot.equilibrium.options import Options, read_options
from entrepot.equilibrium.shock import Shock
from entrepot.equilibrium.solve import ready, solve

__all__ = ["Base", "Options", "Shock", "prepare", "read_options", "ready", "solve"]
