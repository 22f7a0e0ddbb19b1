"""A world: who makes what, out of what, for whom; checked, labelled and immutable."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from entrepot.errors import UnknownCode, Unresolved, WorldError
from entrepot.suggest import near
from entrepot.world import accounts, invariants
from entrepot.world.checks import Finding, Float

DIMS: dict[str, tuple[str, ...]] = {
    "flow": ("exporter", "importer", "sector"),
    "tariff": ("exporter", "importer", "sector"),
    "basis": ("exporter", "importer", "sector"),
    "input_coefficient": ("economy", "sector", "using_sector"),
    "value_added_share": ("economy", "sector"),
    "final_share": ("economy", "sector"),
    "trade_elasticity": ("sector",),
    "deficit": ("economy",),
    "gdp": ("economy",),
    "intermediate": ("exporter", "sector", "importer", "using_sector"),
    "final": ("exporter", "sector", "importer"),
    "value_added": ("economy", "sector"),
    "taxes": ("economy", "sector"),
}
"""Every variable a world may hold, with its dimensions in storage order."""

UNITS: dict[str, str] = {
    "flow": "USD, before duties",
    "tariff": "fraction of value before duty",
    "basis": "code, see flag_meanings",
    "input_coefficient": "USD of input per USD of output, duties included",
    "value_added_share": "fraction of output",
    "final_share": "fraction of final spending, duties included",
    "trade_elasticity": "elasticity of trade shares to cost, positive",
    "deficit": "USD, imports less exports, before duties",
    "gdp": "USD",
    "intermediate": "USD, basic prices",
    "final": "USD, basic prices",
    "value_added": "USD",
    "taxes": "USD, taxes less subsidies on inputs",
}

BASIS = ("derived", "prior", "total", "fact", "census", "published")
"""What a cell of `flow` rests on; the stored code is the position in this list."""


class World:
    """A balanced table of several economies and sectors in one year, in USD.

    There are two kinds, with the same accessors:

    * a **table** holds `intermediate` (exporter, sector, importer, using_sector), `final` (exporter, sector,
      importer), `value_added` (economy, sector) and perhaps `taxes`: who uses whose goods in what is known;
    * a **calibrated** world holds `flow` (exporter, importer, sector) with home sales on the diagonal, and
      `input_coefficient`, `value_added_share`, `final_share`: uses share one mix of origins
      (proportionality).

    **What an equilibrium solver finds here**, always labelled, economies in one order on all four place
    dimensions (`exporter`, `importer`, `economy`, `origin`), every array of dtype float64 and read-only:

    | accessor | dims | meaning |
    |---|---|---|
    | `flow` | exporter, importer, sector | sales in USD before duties; the diagonal is home sales |
    | `tariff` | exporter, importer, sector | base duty, a fraction; zeros if valued before duties |
    | `spending` | economy, sector | X_ns = sum_i (1 + tariff_ins) flow_ins |
    | `trade_share` | exporter, importer, sector | (1 + tariff) flow / spending, sums to 1 over exporter |
    | `output` | economy, sector | Y_is = sum_n flow_ins |
    | `input_coefficient` | economy, sector, using_sector | input per unit of the user's output, all origins |
    | `value_added_share` | economy, sector | 1 - sum over inputs |
    | `final_share` | economy, sector | alpha_ns, sums to 1 over sector |
    | `deficit` | economy | D_n = imports less exports, before duties; sums to 0 |
    | `revenue` | economy | sum of tariff x flow |
    | `wage_income` | economy | value added: sum_s value_added_share x output |
    | `income` | economy | I_n = value added + revenue + deficit: all final spending |
    | `trade_elasticity` | sector | theta or epsilon, positive: shares move with cost to the power -theta |

    so that in a closed world X_ns = final_share_ns I_n + sum_k input_coefficient_nsk Y_nk to the tolerance.
    A world without input-output links has no `input_coefficient` variable: the accessor then gives zeros, and
    value_added_share is one. A one-sector world has one sector label. What is not known is not there:
    `trade_elasticity` raises `Unresolved` where the source has none, `flow` where only shares were published.
    `has(name)` asks without raising. `numpy` arrays are at `.values`.

    `closed=False` is for published calibrations that are no equilibrium of their own accounts (final shares
    clipped at zero, say): the invariants on shares still hold, `findings` says how far spending is from use,
    and a solver must solve a base first.

    Raises `WorldError`, naming the worst cell, where an invariant fails; `UnknownCode` where labels differ.
    """

    def __init__(self, data: xr.Dataset, *, closed: bool = True, tolerance: float = 1e-6) -> None:
        self._data = _normalised(data, closed=closed)
        for finding in self.findings(tolerance):
            finding.raise_if_broken(self.name)

    # -- what it is

    @property
    def data(self) -> xr.Dataset:
        """The stored variables, as a dataset whose arrays are read-only."""
        return self._data.copy(deep=False)

    @property
    def name(self) -> str:
        """The name of the world, for messages."""
        return str(self._data.attrs.get("name", "world"))

    @property
    def statement(self) -> str:
        """What the world is good for and what not; every result computed on it carries this."""
        return str(self._data.attrs.get("statement", ""))

    @property
    def is_table(self) -> bool:
        """Whether intermediate use by exporter and using sector is known."""
        return "intermediate" in self._data

    @property
    def closed(self) -> bool:
        """Whether spending equals final demand plus use in every cell."""
        return bool(self._data.attrs["closed"])

    @cached_property
    def economies(self) -> tuple[str, ...]:
        """Codes of the economies, in the order of every place dimension."""
        return tuple(str(c) for c in self._data["economy"].values)

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        """Codes of the sectors, in the order of `sector` and `using_sector`."""
        return tuple(str(c) for c in self._data["sector"].values)

    def has(self, variable: str) -> bool:
        """Whether the source gave `variable`, or what it derives from."""
        derivable = {
            "flow": self.is_table,
            "input_coefficient": True,
            "value_added_share": True,
            "final_share": self.is_table,
            "deficit": self.is_table or "flow" in self._data,
            "tariff": True,
        }
        return variable in self._data or derivable.get(variable, False)

    def economy_index(self, code: str) -> int:
        """Position of an economy; raises `UnknownCode` naming those there are."""
        return _position(code, self.economies, "economy", self.name)

    def sector_index(self, code: str) -> int:
        """Position of a sector; raises `UnknownCode` naming those there are."""
        return _position(code, self.sectors, "sector", self.name)

    def __repr__(self) -> str:
        kind = "table" if self.is_table else "calibrated"
        size = f"{len(self.economies)} economies x {len(self.sectors)} sectors"
        return f"<World {self.name}: {size}, {kind}{'' if self.closed else ', not closed'}>"

    # -- what it holds

    def _array(self, dims: Sequence[str], values: Float, units: str) -> xr.DataArray:
        labels = {d: list(self.sectors if "sector" in d else self.economies) for d in dims}
        values = np.asarray(values)
        values.flags.writeable = False
        return xr.DataArray(values, coords=labels, dims=list(dims), attrs={"units": units})

    def _named(self, name: str, values: Float) -> xr.DataArray:
        return self._array(DIMS[name], values, UNITS[name]).rename(name)

    def _stored(self, name: str) -> xr.DataArray:
        if name not in self._data:
            raise Unresolved(
                f"{self.name}: {name} is not known; its source gives "
                f"{', '.join(map(str, self._data.data_vars))}. "
                f"Give a dataset with the variable {name} {DIMS[name]}."
            )
        return self._data[name]

    @cached_property
    def flow(self) -> xr.DataArray:
        """Sales by exporter, importer and sector, with home sales on the diagonal; USD before duties."""
        if not self.is_table:
            return self._stored("flow")
        return self._named("flow", accounts.flow_of_table(self._v("intermediate"), self._v("final")))

    def _v(self, name: str) -> Float:
        return np.asarray(self._stored(name).values, dtype=np.float64)

    @cached_property
    def tariff(self) -> xr.DataArray:
        """Base duties as fractions; zeros for a world valued before duties."""
        if "tariff" in self._data:
            return self._data["tariff"]
        n, s = len(self.economies), len(self.sectors)
        return self._named("tariff", np.zeros((n, n, s)))

    @cached_property
    def output(self) -> xr.DataArray:
        """Gross output Y_is = sum over importers of flow; USD."""
        return self._array(("economy", "sector"), self.flow.values.sum(axis=1), "USD, before duties")

    @cached_property
    def spending(self) -> xr.DataArray:
        """Spending X_ns with duties, on intermediate and final use; USD."""
        paid = self.flow.values * (1 + self.tariff.values)
        return self._array(("economy", "sector"), paid.sum(axis=0), "USD, duties included")

    @cached_property
    def trade_share(self) -> xr.DataArray:
        """Share of each exporter in an importer's spending on a sector; zero where nothing is spent."""
        paid = self.flow.values * (1 + self.tariff.values)
        share = accounts.ratio(paid, self.spending.values[None])
        return self._array(DIMS["flow"], share, "fraction of spending, duties included").rename("trade_share")

    @cached_property
    def input_coefficient(self) -> xr.DataArray:
        """Input of each sector per unit of output of each using sector, all origins together."""
        if "input_coefficient" in self._data:
            return self._data["input_coefficient"]
        n, s = len(self.economies), len(self.sectors)
        if not self.is_table:
            return self._named("input_coefficient", np.zeros((n, s, s)))
        use = self._v("intermediate").sum(axis=0).transpose(1, 0, 2)
        return self._named("input_coefficient", accounts.ratio(use, self.output.values[:, None, :]))

    @cached_property
    def value_added_share(self) -> xr.DataArray:
        """Value added over output, by economy and sector; in a table, taxes on inputs are part of it."""
        if "value_added_share" in self._data:
            return self._data["value_added_share"]
        if self.is_table:
            share = accounts.ratio(self._v("value_added") + accounts.taxes(self._data), self.output.values)
        else:
            share = 1 - self.input_coefficient.values.sum(axis=1)
        return self._named("value_added_share", share)

    @cached_property
    def wage_income(self) -> xr.DataArray:
        """Value added by economy; USD."""
        return self._array(
            ("economy",), (self.value_added_share.values * self.output.values).sum(axis=1), "USD"
        )

    @cached_property
    def revenue(self) -> xr.DataArray:
        """Duties collected at base tariffs, by importer; USD."""
        return self._array(("economy",), (self.tariff.values * self.flow.values).sum(axis=(0, 2)), "USD")

    @cached_property
    def deficit(self) -> xr.DataArray:
        """Imports less exports of each economy, before duties; USD."""
        if "deficit" in self._data:
            return self._data["deficit"]
        traded = self.flow.values.sum(axis=2)
        return self._named("deficit", traded.sum(axis=0) - traded.sum(axis=1))

    @cached_property
    def income(self) -> xr.DataArray:
        """Value added + duties + deficit: what each economy spends in final use; USD."""
        total = self.wage_income.values + self.revenue.values + self.deficit.values
        return self._array(("economy",), total, "USD")

    @cached_property
    def final_spending(self) -> xr.DataArray:
        """Spending that is not intermediate use, X_ns - sum_k input_coefficient_nsk Y_nk; USD with duties.

        In a closed world it is final_share x income; elsewhere it is what the flows leave, which keeps every
        identity of content (and may be negative in a cell).
        """
        use = np.einsum("nsk,nk->ns", self.input_coefficient.values, self.output.values)
        return self._array(("economy", "sector"), self.spending.values - use, "USD, duties included")

    @cached_property
    def final_share(self) -> xr.DataArray:
        """Shares of sectors in final spending, by economy; sums to one."""
        if "final_share" in self._data:
            return self._data["final_share"]
        if not self.is_table:
            return self._stored("final_share")
        spent = self.final_spending.values
        return self._named("final_share", accounts.ratio(spent, spent.sum(axis=1, keepdims=True)))

    @cached_property
    def trade_elasticity(self) -> xr.DataArray:
        """Trade elasticity by sector, positive; raises `Unresolved` where the source has none."""
        return self._stored("trade_elasticity")

    @cached_property
    def final(self) -> xr.DataArray:
        """Final demand by exporter, sector and importer, before duties; USD."""
        if self.is_table:
            return self._data["final"]
        spent = accounts.origins(self.flow.values, self.spending.values) * self.final_spending.values[None]
        return self._named("final", np.ascontiguousarray(spent.transpose(0, 2, 1)))

    # -- what can be made of it

    def findings(self, tolerance: float = 1e-6) -> list[Finding]:
        """All invariants, measured; those of an unclosed world leave out spending = use."""
        return invariants.findings(self, tolerance)

    def with_variables(self, name: str | None = None, **variables: Any) -> "World":
        """A copy with variables replaced or added (arrays in the order of `DIMS`, or labelled), checked
        again.

        Raises `WorldError` if a variable has no place in a world or the result breaks an invariant.
        """
        data = self._data.copy(deep=False)
        for key, value in variables.items():
            if key not in DIMS:
                raise WorldError(
                    f"{self.name}: {key} is no variable of a world; there are {', '.join(DIMS)}."
                )
            data[key] = value if isinstance(value, xr.DataArray) else (DIMS[key], np.asarray(value))
        if name:
            data.attrs["name"] = name
        return World(data, closed=self.closed)


def dataset(
    economies: Sequence[str], sectors: Sequence[str], variables: Mapping[str, Any], **attrs: str | int
) -> xr.Dataset:
    """Label plain arrays, given in the dimension order of `DIMS`; `attrs` are name, source, year, licence and
    so on.

    Raises `WorldError` where a shape is not that of the labels or a variable has no place in a world.
    """
    places = {d: list(economies) for d in ("exporter", "importer", "economy")}
    kinds = {d: list(sectors) for d in ("sector", "using_sector")}
    sizes = {d: len(labels) for d, labels in (places | kinds).items()}
    data = xr.Dataset(coords=places | kinds, attrs={k: v for k, v in attrs.items() if v != ""})
    for name, values in variables.items():
        if name not in DIMS:
            raise WorldError(f"{name} is no variable of a world; there are {', '.join(DIMS)}.")
        array = np.asarray(values)
        want = tuple(sizes[d] for d in DIMS[name])
        if array.shape != want:
            raise WorldError(
                f"{attrs.get('name', 'world')}: {name} has shape {array.shape}; "
                f"the labels want {want} for {DIMS[name]}."
            )
        data[name] = (DIMS[name], array)
    return data


def diagnose(data: xr.Dataset, *, closed: bool = True, tolerance: float = 1e-6) -> list[Finding]:
    """Every invariant of a dataset that may be no world, measured; nothing is raised for those that fail."""
    world = World.__new__(World)
    world._data = _normalised(data, closed=closed)
    return world.findings(tolerance)


def _normalised(data: xr.Dataset, *, closed: bool) -> xr.Dataset:
    """The dataset with known variables only, in storage order, labels checked, arrays read-only."""
    title = data.attrs.get("name", "world")
    for dim in ("economy", "sector"):
        labels = [str(c) for c in data[dim].values] if dim in data.coords else []
        twice = sorted({c for c in labels if labels.count(c) > 1})
        if not labels or twice:
            raise WorldError(
                f"{title}: {dim} labels are "
                + (f"not unique: {', '.join(twice)}." if twice else "missing; give a coordinate of codes.")
            )
    for dim, like in (("exporter", "economy"), ("importer", "economy"), ("using_sector", "sector")):
        if dim in data.coords and list(data[dim].values) != list(data[like].values):
            raise UnknownCode(
                f"{title}: labels of {dim} differ from those of {like}, or stand in another order."
            )
    unknown = [str(v) for v in data.data_vars if v not in DIMS]
    if unknown:
        raise WorldError(
            f"{title}: {', '.join(unknown)}: no variable of a world; there are {', '.join(DIMS)}."
        )
    out = xr.Dataset(coords=data.coords, attrs=data.attrs | {"closed": int(closed)})
    for name, dims in DIMS.items():
        if name not in data:
            continue
        array = data[name].transpose(*dims)
        kind = np.int8 if name == "basis" else np.float64
        values = np.array(array.values, dtype=kind, order="C")
        values.flags.writeable = False
        attrs = {"units": UNITS[name]} | array.attrs
        if name == "basis":
            attrs |= {"flag_meanings": " ".join(BASIS)}
        out[name] = xr.DataArray(values, dims=dims, attrs=attrs)
    return out


def _position(code: str, labels: Sequence[str], kind: str, world: str) -> int:
    if code not in labels:
        raise UnknownCode(
            f"{code}: no {kind} of {world}{near(code, labels)}; there are {', '.join(labels[:80])}."
        )
    return labels.index(code)
