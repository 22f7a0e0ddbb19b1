"""The facts a world is estimated from: a folder of CSV files in a documented schema, read and checked.

The schema is in `docs/world-facts.md`. What a folder holds besides the required files replaces priors cell by
cell: `trade-by-sector.csv` pins flows (BACI summed to sectors, a statistical office's table), and
`Facts.with_table` takes coefficients, final shares and services trade from a published table.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from entrepot.errors import UnknownCode, WorldError
from entrepot.world.checks import Float
from entrepot.world.table import BASIS, World


@dataclass(frozen=True)
class Constraint:
    """A known share of goods trade: flows from `exporters` to `importers` in `sectors` are `share` of all
    goods.

    `exporters`, `importers` and `sectors` are positions; `total` says that one side is the whole world.
    """

    id: str
    exporters: tuple[int, ...]
    importers: tuple[int, ...]
    sectors: tuple[int, ...]
    share: float
    fit: bool
    total: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a world; arrays are by economy i or j, sector s, using sector k, in USD or as
    fractions.

    members are the ISO codes an economy holds; goods_trade (i, j); gdp (j); coefficient (j, s, k) and
    value_added_share (j, k), which sum to one per column; final_share (j, s); closed_output_share (j, s),
    output of a closed economy; services_exports, services_imports (j), equal in total; us_imports (i, s), the
    composition by sector of what `observer` imports; trade_elasticity (s); known (i, j, s), NaN where a flow
    is not pinned, and known_basis (i, j, s) what a pinned one rests on.
    """

    name: str
    economies: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]
    sectors: tuple[str, ...]
    is_service: tuple[bool, ...]
    goods_trade: Float
    gdp: Float
    coefficient: Float
    value_added_share: Float
    final_share: Float
    closed_output_share: Float
    services_exports: Float
    services_imports: Float
    us_imports: Float
    trade_elasticity: Float
    known: Float
    known_basis: np.ndarray
    constraints: tuple[Constraint, ...]

    @property
    def goods(self) -> int:
        """Number of goods sectors; they come first."""
        return self.is_service.index(True) if True in self.is_service else len(self.sectors)

    @property
    def observer(self) -> int:
        """Position of the economy whose imports are observed by sector: the United States."""
        return self.economies.index("USA")

    def without(self, *ids: str) -> "Facts":
        """The same facts with some constraints left out, as when one is held out to be predicted.

        Raises `UnknownCode` for an id that is no constraint.
        """
        have = {c.id for c in self.constraints}
        if missing := sorted(set(ids) - have):
            raise UnknownCode(
                f"{self.name}: no constraint {', '.join(missing)}; there are {', '.join(sorted(have))}."
            )
        return replace(self, constraints=tuple(c for c in self.constraints if c.id not in ids))

    def with_constraints(self, constraints: tuple[Constraint, ...]) -> "Facts":
        """The same facts under other constraints."""
        return replace(self, constraints=constraints)

    def with_flows(self, flows: Float, *, basis: str) -> "Facts":
        """The same facts with sector flows (i, j, s) pinned where `flows` is a number; USD.

        A pair of which every goods sector is pinned takes its total from there. Constraints that pinned flows
        decide alone no longer bind and become checks. Raises `WorldError` for a negative flow.
        """
        if np.nanmin(flows, initial=0) < 0:
            raise WorldError(
                f"{self.name}: a pinned flow is negative ({np.nanmin(flows):.4g}); trade is at least 0."
            )
        given = ~np.isnan(flows)
        known = np.where(given, flows, self.known)
        rests = np.where(given, BASIS.index(basis), self.known_basis).astype(np.int8)
        goods = known[:, :, : self.goods]
        whole = ~np.isnan(goods).any(axis=2)
        totals = np.where(whole, np.nansum(goods, axis=2), self.goods_trade)
        whole |= np.eye(len(self.economies), dtype=bool)
        kept = tuple(
            replace(c, fit=c.fit and not whole[np.ix_(c.exporters, c.importers)].all())
            for c in self.constraints
        )
        return replace(self, known=known, known_basis=rests, goods_trade=totals, constraints=kept)

    def with_table(self, world: World) -> "Facts":
        """The same facts with coefficients, final shares and services trade taken from a published table.

        `world` must have these economies and sectors (aggregate it first). Raises `UnknownCode` where labels
        differ.
        """
        if world.economies != self.economies or world.sectors != self.sectors:
            raise UnknownCode(
                f"{world.name}: labels differ from those of {self.name}; aggregate it to them first."
            )
        services = world.flow.values[:, :, self.goods :].sum(axis=2) * ~np.eye(
            len(self.economies), dtype=bool
        )
        return replace(
            self,
            coefficient=world.input_coefficient.values,
            value_added_share=world.value_added_share.values,
            final_share=world.final_share.values,
            services_exports=services.sum(axis=1),
            services_imports=services.sum(axis=0),
        )


def read_facts(folder: Path, *, name: str = "") -> Facts:
    """Read and check a folder of facts.

    Raises `WorldError` naming file and row for a missing file or column, a number that is none, shares that
    do not sum to one, services trade that does not add up, and constraints outside 0 to 1 or given twice;
    `UnknownCode` for a label that `economies.csv` and `sectors.csv` do not hold.
    """
    reader = _Folder(folder)
    places = reader.table("economies.csv", "economy", "members")
    economies = tuple(places["economy"])
    table = reader.table("sectors.csv", "sector", "kind")
    sectors, kinds = tuple(table["sector"]), tuple(k == "services" for k in table["kind"])
    if list(kinds) != sorted(kinds):
        raise WorldError(f"{folder / 'sectors.csv'}: goods must come before services.")
    reader.labels = {
        "economy": economies,
        "exporter": economies,
        "importer": economies,
        "sector": sectors,
    } | {
        "input_sector": sectors,
        "using_sector": sectors,
    }
    n, s = len(economies), len(sectors)
    place, kind = ("economy",), ("economy", "sector")
    coefficient = reader.cube(
        "input-coefficients.csv", ("economy", "input_sector", "using_sector"), "coefficient"
    )
    added = reader.cube("value-added-shares.csv", kind, "value_added_share")
    total = coefficient.sum(axis=1) + added
    _sum_to_one(
        folder / "input-coefficients.csv", "value added share + coefficients", total, economies, sectors
    )
    final = reader.cube("final-demand-shares.csv", kind, "final_demand_share")
    _sum_to_one(
        folder / "final-demand-shares.csv",
        "final demand shares",
        final.sum(axis=1)[:, None],
        economies,
        ("all",),
    )
    exports = reader.cube("services-trade-2023.csv", place, "services_exports_estimate_usd")
    imports = reader.cube("services-trade-2023.csv", place, "services_imports_estimate_usd")
    if abs(exports.sum() - imports.sum()) > 1e-3 * exports.sum():
        raise WorldError(
            f"{folder / 'services-trade-2023.csv'}: exports sum to {exports.sum():.6g} and imports to "
            f"{imports.sum():.6g}; what is sold is bought: make them equal."
        )
    bought = reader.cube(
        "us-imports-2024-by-sector.csv", kind, "value_usd", zero_if_absent=True, skip={"sector": "none"}
    )
    facts = Facts(
        name=name or folder.name,
        economies=economies,
        members=tuple(tuple(str(m).split()) for m in places["members"]),
        sectors=sectors,
        is_service=kinds,
        goods_trade=reader.cube(
            "goods-trade-2023.csv", ("exporter", "importer"), "adjusted_usd", zero_if_absent=True
        ),
        gdp=reader.cube("gdp-2023.csv", place, "gdp_usd"),
        # Published to seven digits: made exact here, so that every identity below is.
        coefficient=coefficient
        * ((1 - added) / np.where(coefficient.sum(axis=1) > 0, coefficient.sum(axis=1), 1))[:, None],
        value_added_share=added,
        final_share=final / final.sum(axis=1, keepdims=True),
        closed_output_share=reader.cube(
            "closed-economy-output-shares.csv", kind, "closed_economy_output_share"
        ),
        services_exports=exports,
        services_imports=imports * (exports.sum() / imports.sum()),
        us_imports=bought,
        trade_elasticity=reader.cube("trade-elasticities.csv", ("sector",), "trade_elasticity"),
        known=np.full((n, n, s), np.nan),
        known_basis=np.zeros((n, n, s), dtype=np.int8),
        constraints=_constraints(reader),
    )
    if (folder / "trade-by-sector.csv").exists():
        pinned = reader.cube(
            "trade-by-sector.csv", ("exporter", "importer", "sector"), "value_usd", unknown=True
        )
        return facts.with_flows(pinned, basis="published")
    return facts


class _Folder:
    """Reads the files of one folder by label."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels: dict[str, tuple[str, ...]] = {}

    def table(self, name: str, *columns: str) -> pl.DataFrame:
        path = self.folder / name
        try:
            table = pl.read_csv(path, infer_schema_length=None)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise WorldError(f"{path}: can't be read as CSV: {error}.") from None
        missing = [c for c in columns if c not in table.columns]
        if missing:
            raise WorldError(
                f"{path}: lacks the column {', '.join(missing)}; it has {', '.join(table.columns)}."
            )
        return table

    def positions(self, path: Path, column: str, values: list[str]) -> np.ndarray:
        where = {label: k for k, label in enumerate(self.labels[column])}
        for row, value in enumerate(values):
            if value not in where:
                raise UnknownCode(
                    f"{path}, row {row + 2}: {column} {value} is not known; there are {', '.join(where)}."
                )
        return np.array([where[v] for v in values], dtype=np.intp)

    def members(self, path: Path, column: str, text: str) -> tuple[int, ...]:
        return tuple(int(i) for i in self.positions(path, column, text.split()))

    def cube(
        self,
        name: str,
        keys: tuple[str, ...],
        column: str,
        *,
        zero_if_absent: bool = False,
        unknown: bool = False,
        skip: dict[str, str] | None = None,
    ) -> Float:
        """A column as an array over its key columns; a row that is absent is an error unless a keyword
        says else.
        """
        path = self.folder / name
        table = self.table(name, *keys, column)
        for key, value in (skip or {}).items():
            table = table.filter(pl.col(key) != value)
        try:
            values = table[column].cast(pl.Float64).to_numpy()
        except pl.exceptions.PolarsError:
            raise WorldError(f"{path}: column {column} holds something that is no number.") from None
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise WorldError(
                f"{path}, row {bad[0] + 2}: {column} is {values[bad[0]]}; give a number or drop the row."
            )
        at = tuple(self.positions(path, key, list(table[key])) for key in keys)
        shape = tuple(len(self.labels[key]) for key in keys)
        out = np.full(shape, 0.0 if zero_if_absent else np.nan)
        out[at] = values
        count = np.zeros(shape, dtype=int)
        np.add.at(count, at, 1)
        if count.max() > 1:
            twice = np.unravel_index(int(count.argmax()), shape)
            raise WorldError(f"{path}: {self._cell(keys, twice)} is given {count.max()} times; keep one.")
        if not (zero_if_absent or unknown) and (count == 0).any():
            gap = np.unravel_index(int((count == 0).argmax()), shape)
            raise WorldError(
                f"{path}: no {column} for {self._cell(keys, gap)}; unknown is not zero, add the row."
            )
        return out

    def _cell(self, keys: tuple[str, ...], index: tuple[np.intp, ...]) -> str:
        return ", ".join(f"{key} {self.labels[key][i]}" for key, i in zip(keys, index, strict=True))


def _constraints(reader: _Folder) -> tuple[Constraint, ...]:
    name = "constraints.csv"
    path = reader.folder / name
    table = reader.table(name, "id", "exporters", "importers", "sectors", "share_of_goods_flow", "use")
    everyone = tuple(range(len(reader.labels["economy"])))
    found: list[Constraint] = []
    for row, line in enumerate(table.iter_rows(named=True), start=2):
        share = float(line["share_of_goods_flow"])
        if not 0 <= share <= 1 or line["use"] not in ("fit", "check"):
            raise WorldError(
                f"{path}, row {row} ({line['id']}): share {share:g} with use {line['use']}; "
                "a share is 0 to 1, use is fit or check."
            )
        if line["id"] in {c.id for c in found}:
            raise WorldError(f"{path}, row {row}: the id {line['id']} is given twice.")
        sides = [
            everyone if line[f"{side}s"] == "World" else reader.members(path, side, line[f"{side}s"])
            for side in ("exporter", "importer")
        ]
        sectors = reader.members(path, "sector", line["sectors"])
        found.append(
            Constraint(
                line["id"], sides[0], sides[1], sectors, share, line["use"] == "fit", everyone in sides
            )
        )
    return tuple(found)


def _sum_to_one(
    path: Path, what: str, total: Float, economies: tuple[str, ...], sectors: tuple[str, ...]
) -> None:
    gap = np.abs(total - 1)
    if gap.max() > 1e-4:
        i, s = np.unravel_index(int(gap.argmax()), gap.shape)
        raise WorldError(
            f"{path}: {what} of economy {economies[i]}, sector {sectors[s]} sum to {total[i, s]:.6f}, not 1."
        )
