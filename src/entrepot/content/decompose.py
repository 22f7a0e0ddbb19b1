"""What gross exports are made of: value added once, and value counted again.

Blocks: for an exporter s, V_s is value added per output, A_ss its use of its own goods, L_s = (I - A_ss)^-1,
B = L the inverse of the whole world, Y_jk final goods from j used in k, E_sr exports of s to r, E_s all its
exports.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from entrepot.content.leontief import System, leontief_inverse, system
from entrepot.errors import WorldError
from entrepot.world.checks import Float
from entrepot.world.table import World

KWW_TERMS = (
    "dva_final",
    "dva_intermediate",
    "dva_to_third",
    "returned_final",
    "returned_intermediate",
    "domestic_double",
    "fva_final",
    "fva_intermediate",
    "foreign_double",
)


def decompose(world: World) -> xr.Dataset:
    """Gross exports by source of value, after Borin and Mancini (2019, 2023), source-based, exporter's
    perspective.

    By exporter s, importer r and exporting sector, in USD (E_sr is taken sector by sector):

    * domestic_value_added = V_s L_s E_sr: value of s recorded the first time it leaves;
    * domestic_double_counted = V_s (B_ss - L_s) E_sr: value of s that comes home in inputs and leaves again;
    * foreign_value_added = sum_t V_t B_ts B_ss^-1 L_s E_sr: value of others recorded once in exports of s;
    * foreign_double_counted: the rest of the foreign content sum_t V_t B_ts E_sr.

    These four add up to gross_exports. Domestic value added is further absorbed_abroad + returned (by the
    economy of final use), and absorbed_abroad holds directly_absorbed = V_s L_s (Y_sr + A_sr L_r Y_rr), what
    the importer itself uses up without a further border. Sums over importers of absorbed_abroad are the
    value-added exports of Johnson and Noguera (2012).

    Raises `WorldError` where the terms do not add up to 1e-8, or the system is singular.
    """
    of = system(world)
    n, s = len(of.economies), len(of.sectors)
    terms = _Blocks.of(of)
    exports = of.exports.reshape(n, s, n)
    content = terms.content.reshape(n, n, s)
    names = (
        "domestic_value_added",
        "domestic_double_counted",
        "foreign_value_added",
        "foreign_double_counted",
    )
    rates = np.zeros((4, n, s))
    first = np.zeros((n, s))
    for i in range(n):
        home = content[i, i]
        first[i] = of.value_added[of.block(i)] @ terms.home[i]
        abroad = content[:, i].sum(axis=0) - home
        once = (abroad @ np.linalg.inv(terms.own[i])) @ terms.home[i]
        rates[:, i] = first[i], home - first[i], once, abroad - once
    values = {name: rates[k][:, :, None] * exports for k, name in enumerate(names)}
    gap = np.abs(sum(values.values()) - exports)
    if gap.max() > 1e-8 * exports.max():
        at = np.unravel_index(int(gap.argmax()), gap.shape)
        raise WorldError(
            f"{world.name}: the terms of exports of {of.economies[at[0]]} {of.sectors[at[1]]} to "
            f"{of.economies[at[2]]} miss their total by {gap[at]:.3g} USD."
        )
    returned, direct = _absorption(of, terms)
    values["returned"] = first[:, :, None] * returned
    values["absorbed_abroad"] = values["domestic_value_added"] - values["returned"]
    values["directly_absorbed"] = first[:, :, None] * direct
    return _labelled(world, {"gross_exports": exports} | values)


def koopman_wang_wei(world: World) -> xr.Dataset:
    """The nine terms of gross exports of Koopman, Wang and Wei (2014), American Economic Review 104(2), eq.
    36.

    By exporter, all importers and sectors together, in USD; `KWW_TERMS` in their order. The first three are
    value-added exports, 4 and 5 value that returns home, 1 to 6 domestic content, 7 to 9 foreign content. The
    split of 7, 8 and 9 counts value of a third economy as double as soon as it crosses two borders; that of
    `decompose` counts it once for every exporter.

    Raises `WorldError` where the system is singular.
    """
    of = system(world)
    n, s = len(of.economies), len(of.sectors)
    terms = _Blocks.of(of)
    content = terms.content.reshape(n, n, s)
    final = of.final.reshape(n, s, n)
    sold = of.exports.reshape(n, s, n).sum(axis=2)
    home_use = np.stack([terms.home[r] @ final[r, :, r] for r in range(n)])
    abroad_use = np.stack([terms.home[r] @ sold[r] for r in range(n)])
    found = np.zeros((9, n))
    for i in range(n):
        others = [r for r in range(n) if r != i]
        first = of.value_added[of.block(i)] @ terms.home[i]
        foreign = content[:, i].sum(axis=0) - content[i, i]
        sales = of.inputs[of.block(i)] * of.per_output
        sales[:, of.block(i)] = 0
        made_home = final[i, :, i]
        found[0, i] = content[i, i] @ final[i][:, others].sum(axis=1)
        found[1, i] = sum(content[i, r] @ final[r, :, r] for r in others)
        found[2, i] = sum(
            content[i, r] @ (final[r].sum(axis=1) - final[r, :, r] - final[r, :, i]) for r in others
        )
        found[3, i] = sum(content[i, r] @ final[r, :, i] for r in others)
        found[4, i] = (content[i, i] - first) @ made_home
        found[5, i] = (content[i, i] - first) @ sold[i]
        found[6, i] = foreign @ final[i][:, others].sum(axis=1)
        found[7, i] = foreign @ sales @ home_use.reshape(-1)
        found[8, i] = foreign @ sales @ abroad_use.reshape(-1)
    values = {name: (("exporter",), found[k], {"units": "USD"}) for k, name in enumerate(KWW_TERMS)}
    values["gross_exports"] = (("exporter",), sold.sum(axis=1), {"units": "USD"})
    return xr.Dataset(values, coords={"exporter": list(of.economies)}, attrs=_attrs(world))


def participation(world: World) -> xr.Dataset:
    """How far an economy's exports are part of chains across borders; fractions of its gross exports.

    * backward: foreign content of exports, sum_t V_t B_ts E_s / E_s (Hummels, Ishii and Yi 2001: VS);
    * forward: own value in others' exports, sum_r V_s B_sr E_r / E_s (VS1, as in OECD TiVA);
    * gvc: what crosses more than one border, 1 - directly absorbed / E_s (Borin and Mancini 2019), of which
    * gvc_forward: domestic value added not directly absorbed; the rest, gvc_backward, is foreign content and
      domestic double counting.

    An economy without exports has no participation and is left out. Raises what `decompose` raises.
    """
    of = system(world)
    n = len(of.economies)
    content = _Blocks.of(of).content
    sold = of.exports.sum(axis=1)
    in_exports = np.stack([content[:, of.block(r)] @ sold[of.block(r)] for r in range(n)], axis=1)
    np.fill_diagonal(in_exports, 0)
    parts = (
        decompose(world).sum(["importer", "sector"]).assign(own_abroad=("exporter", in_exports.sum(axis=1)))
    )
    parts = parts.sel(exporter=(parts["gross_exports"] > 0).values)
    total = parts["gross_exports"]
    foreign = parts["foreign_value_added"] + parts["foreign_double_counted"]
    found = {
        "backward": foreign / total,
        "forward": parts["own_abroad"] / total,
        "gvc": 1 - parts["directly_absorbed"] / total,
        "gvc_forward": (parts["domestic_value_added"] - parts["directly_absorbed"]) / total,
        "gvc_backward": (foreign + parts["domestic_double_counted"]) / total,
    }
    units = {"units": "fraction of gross exports"}
    return xr.Dataset({k: v.assign_attrs(units) for k, v in found.items()}, attrs=_attrs(world))


@dataclass(frozen=True)
class _Blocks:
    """Inverse B (NS, NS), content V B (N, NS), own blocks B_ii and home inverses L_i (N, S, S)."""

    inverse: Float
    content: Float
    own: Float
    home: Float

    @classmethod
    def of(cls, of: System) -> "_Blocks":
        n, s = len(of.economies), len(of.sectors)
        inverse = leontief_inverse(of)
        content = np.stack([of.value_added[of.block(i)] @ inverse[of.block(i)] for i in range(n)])
        own = np.stack([inverse[of.block(i), of.block(i)] for i in range(n)])
        home = np.empty((n, s, s))
        for i in range(n):
            at = of.block(i)
            home[i] = np.linalg.inv(np.eye(s) - of.inputs[at, at] * of.per_output[at])
        return cls(inverse, content, own, home)


def _absorption(of: System, terms: _Blocks) -> tuple[Float, Float]:
    """Parts of exports (exporter, sector, importer) that end in the exporter, and in the importer at once.

    Returned: A_sr X_r^(s), inputs to what r makes for final use in s wherever it is finished (X^(s) = B Y_s),
    and no final exports. Direct: Y_sr + A_sr L_r Y_rr.
    """
    n, s = len(of.economies), len(of.sectors)
    made_for = (terms.inverse @ of.final).reshape(n, s, n)
    final = of.final.reshape(n, s, n)
    returned, direct = np.zeros((n, s, n)), np.zeros((n, s, n))
    use_at_home = np.stack([terms.home[r] @ final[r, :, r] for r in range(n)])
    for i in range(n):
        sales = (of.inputs[of.block(i)] * of.per_output).reshape(s, n, s)
        returned[i] = np.einsum("krm,rm->kr", sales, made_for[:, :, i])
        direct[i] = final[i] + np.einsum("krm,rm->kr", sales, use_at_home)
        returned[i, :, i] = direct[i, :, i] = 0
    return returned, direct


def _labelled(world: World, values: dict[str, Float]) -> xr.Dataset:
    dims = ("exporter", "sector", "importer")
    places = list(world.economies)
    return xr.Dataset(
        {name: (dims, value, {"units": "USD"}) for name, value in values.items()},
        coords={"exporter": places, "sector": list(world.sectors), "importer": places},
        attrs=_attrs(world),
    )


def _attrs(world: World) -> dict[str, str]:
    return {"world": world.name, "statement": world.statement}
