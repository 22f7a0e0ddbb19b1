"""Fewer economies, fewer sectors, the same totals; and a calibrated world written out as a table."""

from collections.abc import Mapping, Sequence

import numpy as np

from entrepot.errors import UnknownCode, WorldError
from entrepot.world.accounts import origins, ratio
from entrepot.world.checks import Float
from entrepot.world.table import World, dataset


def aggregate(
    world: World, *, economies: Mapping[str, str] | None = None, sectors: Mapping[str, str] | None = None
) -> World:
    """A world of groups; each mapping goes from label to group, and a label it leaves out stays itself.

    Conserved, and checked to 1e-9: sales by pair, duties collected, inputs by kind and user, value added,
    final spending. Duties are averaged by value, input coefficients and value-added shares by output, trade
    elasticities by spending; a merged cell rests on the weakest `basis` of its parts. Trade within a group
    becomes home sales.

    Raises `UnknownCode` for a label that the world does not have.
    """
    places, E = _groups(world.economies, economies or {}, "economy", world.name)
    kinds, S = _groups(world.sectors, sectors or {}, "sector", world.name)
    pick = _sum_table if world.is_table else _sum_calibrated
    variables = pick(world, E, S)
    if world.has("trade_elasticity"):
        variables["trade_elasticity"] = _mean(
            world.trade_elasticity.values, world.spending.values.sum(axis=0), S
        )
    if "gdp" in world.data:
        variables["gdp"] = world.data["gdp"].values @ E
    if "basis" in world.data:
        variables["basis"] = _weakest(world.data["basis"].values, E, S)
    kept = {k: v for k, v in world.data.attrs.items() if k != "closed"} | {
        "name": f"{world.name}, aggregated"
    }
    made = World(dataset(places, kinds, variables, **kept), closed=world.closed)
    for what in ("output", "spending", "income"):
        before, after = float(getattr(world, what).sum()), float(getattr(made, what).sum())
        if abs(after - before) > 1e-9 * abs(before):
            raise WorldError(
                f"{world.name}: aggregation changed total {what} from {before:.9g} to {after:.9g}."
            )
    return made


def to_table(world: World) -> World:
    """A calibrated world as a table of inter-economy use, by proportional origins, before duties.

    Duties on inputs become part of value added. A table is returned as it is.
    Raises `WorldError` where final demand is negative in a world that is not closed.
    """
    if world.is_table:
        return world
    origin = origins(world.flow.values, world.spending.values)
    use = world.input_coefficient.values * world.output.values[:, None, :]
    Z = np.einsum("ijs,jsk->isjk", origin, use)
    kept = {k: v for k, v in world.data.attrs.items() if k != "closed"}
    variables = {
        "intermediate": Z,
        "final": world.final.values,
        "value_added": world.output.values - Z.sum(axis=(0, 1)),
    }
    carried = {k: world.data[k].values for k in ("trade_elasticity", "gdp", "basis") if k in world.data}
    return World(dataset(world.economies, world.sectors, variables | carried, **kept))


def _sum_table(world: World, E: Float, S: Float) -> dict[str, Float]:
    Z = np.tensordot(world.data["intermediate"].values, S, axes=(3, 0))
    Z = np.tensordot(Z, E, axes=(2, 0)).transpose(0, 1, 3, 2)  # tensordot moves the summed axis to the end
    Z = np.einsum("isjk,ia,sb->abjk", Z, E, S, optimize=True)
    return {
        "intermediate": Z,
        "final": np.einsum("isj,ia,sb,jc->abc", world.data["final"].values, E, S, E, optimize=True),
    } | {name: E.T @ world.data[name].values @ S for name in ("value_added", "taxes") if name in world.data}


def _sum_calibrated(world: World, E: Float, S: Float) -> dict[str, Float]:
    def trade(values: Float) -> Float:
        return np.asarray(np.einsum("ijs,ia,jb,sc->abc", values, E, E, S, optimize=True))

    flow, output = world.flow.values, world.output.values
    added = world.value_added_share.values * output
    variables = {"flow": trade(flow)}
    summed = E.T @ output @ S
    idle = summed == 0  # shares of what makes nothing carry no value: keep their mean
    if "input_coefficient" in world.data:
        coefficient = world.input_coefficient.values
        use = np.einsum("jsk,ja,sb,kc->abc", coefficient * output[:, None, :], E, S, S, optimize=True)
        mean = np.einsum("jsk,ja,sb,kc->abc", coefficient, E, S, S / S.sum(axis=0), optimize=True)
        mean /= E.sum(axis=0)[:, None, None]
        variables["input_coefficient"] = np.where(idle[:, None, :], mean, ratio(use, summed[:, None, :]))
    plain = (E / E.sum(axis=0)).T @ world.value_added_share.values @ (S / S.sum(axis=0))
    variables["value_added_share"] = np.where(idle, plain, ratio(E.T @ added @ S, summed))
    if "tariff" in world.data:
        tariff = world.tariff.values
        plain = trade(tariff) / trade(np.ones_like(tariff))
        paid = trade(tariff * flow)
        variables["tariff"] = np.where(variables["flow"] > 0, ratio(paid, variables["flow"]), plain)
    if world.has("final_share"):
        spent = E.T @ (world.final_share.values * world.income.values[:, None]) @ S
        variables["final_share"] = spent / spent.sum(axis=1, keepdims=True)
    return variables


def _groups(labels: Sequence[str], to: Mapping[str, str], kind: str, world: str) -> tuple[list[str], Float]:
    """Group labels in order of first appearance, and membership (label, group) as ones and zeros."""
    if missing := sorted(set(to) - set(labels)):
        raise UnknownCode(f"{', '.join(missing)}: no {kind} of {world}; there are {', '.join(labels)}.")
    names = [to.get(label, label) for label in labels]
    groups = list(dict.fromkeys(names))
    member = np.zeros((len(labels), len(groups)))
    member[np.arange(len(labels)), [groups.index(g) for g in names]] = 1
    return groups, member


def _mean(values: Float, weight: Float, member: Float) -> Float:
    total = weight @ member
    plain = (values @ member) / member.sum(axis=0)
    return np.asarray(np.where(total > 0, ratio((values * weight) @ member, total), plain))


def _weakest(basis: np.ndarray, E: Float, S: Float) -> np.ndarray:
    out = np.empty((E.shape[1], E.shape[1], S.shape[1]), dtype=np.int8)
    for a in range(E.shape[1]):
        for b in range(E.shape[1]):
            block = basis[np.ix_(E[:, a] > 0, E[:, b] > 0)]
            out[a, b] = [block[:, :, S[:, c] > 0].min() for c in range(S.shape[1])]
    return out
