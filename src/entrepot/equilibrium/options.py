"""How the model is closed and what its behavioural parameters are, checked before anything is computed."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypeGuard

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from entrepot.equilibrium.model import Revenue
from entrepot.errors import OptionError

Float = NDArray[np.float64]
ByEconomy = float | Mapping[str, float] | xr.DataArray
Deficits = Literal["world_share", "fixed", "balanced", "zero"]

DEFICITS = ("world_share", "fixed", "balanced", "zero")
NUMERAIRES = ("income", "wages", "prices")
REVENUES = ("lump_sum", "tax_relief")
SOLVERS = ("auto", "anderson", "newton")
LOOSEST = 1e-4
"""Tolerance above which a solution is none: markets would miss by what tariffs move."""


@dataclass(frozen=True)
class Options:
    """Options of the model; the defaults are Caliendo and Parro (2015) on the world as observed.

    Values by economy are one number, or a mapping of codes to numbers in which `*` stands for all others.

    * `elasticity`: `world` (the world's own), a name of `elasticities`, a number, or numbers by sector.
    * `labour_supply`: kappa, elasticity of employment to the real wage; 0 fixes employment.
    * `scale`: psi, elasticity of productivity to employment (external economies of scale).
    * `foreign_share`: nu, the share of the value of sales that is earned in the economy where the goods are
      sold (importer's side; home sales too).
    * `pass_through`: a, 1 where tariffs pass through to prices completely; less with incomplete pass-through.
    * `firm_dispersion`: theta of firms' productivity; only `tariff_exponent` uses it.
    * `tariff_exponent`: phi, the exponent of the tariff factor in trade; None takes it from the other three,
      phi = a + (1 + theta)/((1 - nu) theta) - 1/theta - 1.
    * `revenue`: `lump_sum` rebates tariff revenue, `tax_relief` lowers the tax on labour income.
    * `deficits`: `world_share` grows each transfer with world income; `fixed` holds it in the numeraire;
      `balanced` removes all transfers as part of the change; `zero` removes them first, so that the base is
      a world without them (as in CP, Table 2).
    * `numeraire`: what is held at one: mean `income`, `wages`, `prices` (consumer, weighted with spending),
      or the wage of the economy whose code is given.
    * `base`: `observed`, `solved` (the base is first solved as an equilibrium), or `auto`, which solves it
      where the world isn't closed or deficits are `zero`.
    * `welfare`: `exact`, or `first_order`: the sum of the effects of terms and volume of trade, which is what CP
      publish as the welfare change. For large tariff cuts the two are far apart.
    * `residual_claimant`: an economy to whose labour income transfers that don't sum to zero are booked. Its
      market doesn't clear then. Only there to reproduce a published slip (ILMS Table 10, cases 2 and 4).
    * `solver`, `tolerance`, `most_steps`: `auto` accelerates the fixed point (Anderson) and falls back on a path
      of growing changes with Newton–Krylov at its points; `anderson` and `newton` are one of them alone, to
      compare: each solves less. A solution is one whose market-clearing equations all hold to the tolerance.
    """

    elasticity: str | float | Mapping[str, float] | Sequence[float] = "world"
    labour_supply: ByEconomy = 0.0
    scale: ByEconomy = 0.0
    foreign_share: ByEconomy = 0.0
    pass_through: float = 1.0
    firm_dispersion: float = 4 / 0.67
    tariff_exponent: ByEconomy | None = None
    revenue: Revenue = "lump_sum"
    deficits: Deficits = "world_share"
    numeraire: str = "income"
    base: Literal["auto", "observed", "solved"] = "auto"
    welfare: Literal["exact", "first_order"] = "exact"
    residual_claimant: str | None = None
    solver: Literal["auto", "anderson", "newton"] = "auto"
    tolerance: float = 1e-10
    most_steps: int = 400

    def __post_init__(self) -> None:
        _one_of("revenue", self.revenue, REVENUES)
        _one_of("deficits", self.deficits, DEFICITS)
        _one_of("base", self.base, ("auto", "observed", "solved"))
        _one_of("welfare", self.welfare, ("exact", "first_order"))
        _one_of("solver", self.solver, SOLVERS)
        for name, most in (
            ("pass_through", np.inf),
            ("firm_dispersion", np.inf),
            ("tolerance", LOOSEST),
            ("most_steps", np.inf),
        ):
            value = getattr(self, name)
            if not is_number(value) or not 0 < value <= most:
                limit = "" if most == np.inf else f" and at most {most:g}"
                raise OptionError(f"option {name}: found {value!r}; give a number above 0{limit}.")
        if self.most_steps != int(self.most_steps):
            raise OptionError(f"option most_steps: found {self.most_steps!r}; give a whole number.")
        if self.deficits == "zero" and self.base == "observed":
            raise OptionError(
                "option base: observed has the deficits that option deficits = zero removes first; use base = solved."
            )

    def changed(self, **overrides: Any) -> "Options":
        """A copy with some options replaced.

        Raises `OptionError` for a name that is no option, listing those there are.
        """
        _known(overrides, "options")
        return replace(self, **overrides)


def read_options(path: Path, over: Options | None = None) -> Options:
    """Options from a TOML file whose keys are the fields of `Options`, laid over others (else the defaults).

    Raises `OptionError` naming the file where it is no TOML or has a key that is no option.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: can't be read as TOML: {error}.") from None
    _known(given, str(path))
    try:
        return (over or Options()).changed(**given)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from None


def by_economy(name: str, given: ByEconomy, economies: Sequence[str], *, least: float, below: float) -> Float:
    """An option as an array (N,); every value at least `least` and below `below`.

    Raises `OptionError` naming the option, the economy and what was found.
    """
    if isinstance(given, xr.DataArray):
        given = {str(k): float(v) for k, v in zip(given.coords["economy"].values, given.values, strict=True)}
    if isinstance(given, Mapping):
        unknown = [c for c in given if c != "*" and c not in economies]
        missing = [c for c in economies if c not in given and "*" not in given]
        if unknown or missing:
            what = f"{', '.join(unknown)}: no economy of the world" if unknown else f"lacks {missing[0]}"
            raise OptionError(f"option {name}: {what}; give every economy, or `*` for all others.")
        values = numbers(f"option {name}", {c: given.get(c, given.get("*")) for c in economies})
    else:
        values = np.full(len(economies), numbers(f"option {name}", {"all": given}))
    bad = np.flatnonzero(~((values >= least) & (values < below)))
    if bad.size:
        raise OptionError(
            f"option {name}: {economies[bad[0]]} has {values[bad[0]]:g}; "
            f"give a number of at least {least:g} and below {below:g}."
        )
    return values


def is_number(value: Any) -> TypeGuard[float]:
    """Whether something is a number; true and false aren't."""
    return isinstance(value, Real) and not isinstance(value, bool)


def numbers(what: str, given: Mapping[str, Any]) -> Float:
    """Values as an array, in order. Raises `OptionError` naming the first that is no number."""
    for label, value in given.items():
        if not is_number(value):
            raise OptionError(f"{what}: {label} has {value!r}; give a number.")
    return np.array(list(given.values()), dtype=np.float64)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(f"option {name}: found {value!r}; give one of {', '.join(allowed)}.")


def _known(given: Mapping[str, Any], where: str) -> None:
    names = [f.name for f in fields(Options)]
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise OptionError(
            f"{where}: {', '.join(unknown)}: no option of the model; there are {', '.join(names)}."
        )
