"""A set of rules on thousands of bills at once, on arrays.

The same rules as `determine.py`, level by level from the deepest sub-assembly up. Sums are doubles here; a
share counts as at its limit within a billionth. What arrays don't decide (operations, weights, what needs a
fact) is handed to the determination of single bills, so that every answer names what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot import economies
from entrepot.errors import BillError, UnknownCode
from entrepot.origin.bill import NEUTRAL, NOT_IN_NET_COST, STAGES, UNKNOWN
from entrepot.origin.codes import EVERYTHING, span
from entrepot.origin.determine import Determination, determine, zone_of
from entrepot.origin.rules import RuleSet
from entrepot.origin.table import BillTable
from entrepot.origin.vector import Lot, Verdicts, verdicts

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Status = NDArray[np.int8]

YES, NO, OPEN = np.int8(1), np.int8(0), np.int8(-1)

COLUMNS = {
    "bill": pl.String,
    "product": pl.String,
    "made_in": pl.String,
    "rules": pl.String,
    "answer": pl.String,
    "qualifies": pl.Boolean,
    "rule": pl.String,
    "number": pl.Float64,
    "limit": pl.Float64,
    "part": pl.String,
    "missing": pl.String,
}
"""Columns of the result. number, limit: fractions compared by the rule that decided; part: the largest of the
parts that decided against it, or of the non-originating ones."""


def determine_all(
    table: BillTable,
    rules: RuleSet,
    *,
    on: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """The answer of a rule set for every bill of a table: one row each, in the order of the table.

    `progress` hears how many bills are done, and of how many. Raises BillError for a product code or an
    economy that is none, or a part worth more than the whole, naming bill and part.
    """
    nodes = _Nodes.of(table, rules, on)
    tops = np.flatnonzero(nodes.parent < 0)
    found = nodes.settle(rules, tops)
    done = int((found.met != OPEN).sum())
    if progress is not None:
        progress(done, len(tops))
    rows = []
    for at, top in enumerate(tops):
        if found.met[at] == OPEN or not nodes.party[top]:
            rows.append(_single(determine(table.bill(nodes.bill[top]), rules, on=on), nodes.bill[top]))
            done += 1
            if progress is not None and done % 50 == 0:
                progress(done, len(tops))
            continue
        part = found.part[at]
        rows.append(
            (
                nodes.bill[top],
                nodes.product[top],
                nodes.place_name(int(top)),
                rules.name,
                "ambiguous" if found.ambiguous[at] else "resolved",
                None if found.ambiguous[at] else bool(found.met[at]),
                found.rule[at],
                _number(found.number[at]),
                _number(found.limit[at]),
                nodes.name[part] if part >= 0 else None,
                None,
            )
        )
    if progress is not None:
        progress(len(tops), len(tops))
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _single(answer: Determination, name: str) -> tuple[object, ...]:
    decided = answer.readings[0].finding.deciding() if answer.readings else None
    part = decided.parts[0].path.rpartition(" / ")[2] if decided and decided.parts else None
    return (
        name,
        answer.product,
        answer.made_in,
        answer.rule_set.name,
        answer.answer,
        answer.qualifies,
        decided.rule if decided else None,
        decided.number if decided else None,
        decided.limit if decided else None,
        part,
        "; ".join(answer.missing) or None,
    )


@dataclass
class _Nodes:
    """Every product and part as arrays, one entry per row that is no cost.

    place: index of the economy where it is made, -1 if bought; status: originating (1), not (0), open (-1);
    group: the node that it is a material of, -1 if of none.
    """

    bill: list[str]
    name: list[str]
    product: list[str]
    low: Ints
    high: Ints
    parent: Ints
    depth: Ints
    value: Floats
    fob: Floats
    net: Floats
    inside: NDArray[np.bool_]
    made: NDArray[np.bool_]
    leaf: NDArray[np.bool_]
    party: NDArray[np.bool_]
    declared: NDArray[np.bool_]
    looked_through: NDArray[np.bool_]
    status: Status
    obtained: Status
    role: NDArray[np.str_]
    group: Ints
    origin: list[tuple[str, ...]]
    places: list[str]

    def place_name(self, at: int) -> str:
        """Where a node is made."""
        return self.places[at]

    @classmethod
    def of(cls, table: BillTable, rules: RuleSet, on: date | None) -> _Nodes:
        """The nodes of a table with what the rule set makes of their origins."""
        rows = table.rows.with_row_index("at")
        is_cost = rows["kind"].is_not_null().to_numpy()
        keep = np.flatnonzero(~is_cost)
        new = np.full(len(rows) + 1, -1, dtype=np.intp)
        new[keep] = np.arange(len(keep))
        nodes = rows.filter(pl.col("kind").is_null())
        parent = new[nodes["parent"].to_numpy()]
        depth = _depths(parent)
        places, origins, status, inside = _places(nodes, parent, depth, rules, on, table.source)
        codes = nodes["product"].fill_null("").to_list()
        spans = {code: _span(code, table.source) for code in set(codes)}
        low, high = (np.array([spans[c][end] for c in codes], dtype=np.int64) for end in (0, 1))
        sums = _values(rows, nodes, parent, depth, new, table.source)
        made = nodes["made_in"].is_not_null().to_numpy()
        has_children = np.zeros(len(nodes), dtype=np.bool_)
        has_children[parent[parent >= 0]] = True
        full = rules.cumulation.kind == "full"
        home = np.array([places[p] if p >= 0 else "" for p in parent])
        same = made & (np.array(places) == home)
        declared = nodes["originating"].fill_null("").str.split("|").list.contains(rules.name).to_numpy()
        status[declared] = YES
        parties = zone_of(rules.model_copy(update={"cumulation": type(rules.cumulation)()}), "", on)
        party = np.array([not rules.parties or place in parties for place in places])
        return cls(
            bill=nodes["bill"].to_list(),
            name=nodes["part"].fill_null("").to_list(),
            product=codes,
            low=low,
            high=high,
            parent=parent,
            depth=depth,
            **sums,
            inside=inside,
            made=made,
            leaf=~has_children,
            party=party,
            declared=declared,
            looked_through=has_children & (same | (full & inside)) & ~declared,
            status=status,
            obtained=_flags(nodes["wholly_obtained"]),
            role=nodes["role"].fill_null("").to_numpy().astype(np.str_),
            group=parent.copy(),
            origin=origins,
            places=places,
        )

    def settle(self, rules: RuleSet, tops: Ints) -> Verdicts:
        """Judge sub-assemblies from the deepest up, then the products."""
        neutral = np.isin(self.role, list(NEUTRAL))
        self.group[neutral] = -1
        coded = np.array([bool(code) for code in self.product])
        for level in range(int(self.depth.max(initial=0)), 0, -1):
            assemblies = (self.depth == level) & ~self.leaf & ~self.declared
            # Without a code there is no rule of its own: what is made so is looked through.
            self.status[assemblies & self.made & ~coded & self.inside] = NO
            judged = np.flatnonzero(assemblies & self.inside & coded)
            if len(judged):
                self.status[judged] = verdicts(self._lot(judged), rules).met
            # Only what doesn't originate is looked through; what does absorbs all that is in it.
            assemblies = (self.depth == level) & ~self.leaf
            open_ = assemblies & self.looked_through & (self.status != YES)
            closed = assemblies & ~open_
            children = self.group >= 0
            into = np.where(children, self.group, 0)
            moved = children & open_[into]
            self.group[children & closed[into]] = -1
            self.group[moved] = self.group[into[moved]]
            self.group[open_] = -1
        return verdicts(self._lot(tops), rules)

    def _lot(self, goods: Ints) -> Lot:
        slot = np.full(len(self.value), -1, dtype=np.intp)
        slot[goods] = np.arange(len(goods))
        material = np.flatnonzero(self.group >= 0)
        material = material[slot[self.group[material]] >= 0]
        return Lot(
            goods=goods,
            product=[self.product[g] for g in goods],
            good_low=self.low[goods],
            good_high=self.high[goods],
            price={
                "ex-works": self.value[goods],
                "fob": self.fob[goods],
                "transaction": self.fob[goods],
                "net-cost": self.net[goods],
            },
            good_obtained=self.obtained[goods],
            material=material,
            of=slot[self.group[material]],
            value=self.value[material],
            low=self.low[material],
            high=self.high[material],
            status=self.status[material],
            obtained=self.obtained[material],
            role=self.role[material],
        )


def _span(code: str, source: str) -> tuple[int, int]:
    if not code:
        return EVERYTHING
    try:
        return span(code.replace(".", ""))
    except ValueError:
        raise BillError(f"{source}: product {code!r} is no code; write 2 to 10 digits") from None


def _flags(column: pl.Series) -> Status:
    words = column.fill_null("").to_numpy()
    return np.where(words == "true", YES, np.where(words == "false", NO, OPEN)).astype(np.int8)


def _depths(parent: Ints) -> Ints:
    depth, at = np.zeros(len(parent), dtype=np.intp), parent.copy()
    while (at >= 0).any():
        depth[at >= 0] += 1
        at = np.where(at >= 0, parent[at], -1)
    return depth


def _places(
    nodes: pl.DataFrame, parent: Ints, depth: Ints, rules: RuleSet, on: date | None, source: str
) -> tuple[list[str], list[tuple[str, ...]], Status, NDArray[np.bool_]]:
    """Where each node is made, its possible origins, its status by origin, and whether it is in the zone."""
    made_in = nodes["made_in"].fill_null("").to_list()
    bought = nodes["origin"].fill_null("").to_list()
    known = {word: _economies(word, source) for word in {*made_in, *bought}}
    places = [""] * len(made_in)
    for at in np.argsort(depth, kind="stable"):
        word, up = made_in[at], parent[at]
        if word == "here" and up >= 0:
            places[at] = places[up] or _first(known[bought[up]])
        elif word:
            places[at] = _first(known[word])
        else:
            places[at] = _first(known[bought[at]]) if len(known[bought[at]]) == 1 else ""
    top = np.arange(len(parent))
    while (parent[top] >= 0).any():
        top = np.where(parent[top] >= 0, parent[top], top)
    zones = {place: zone_of(rules, place, on) for place in {places[t] for t in set(top.tolist())}}
    origins = [(places[i],) if made_in[i] else known[bought[i]] for i in range(len(places))]
    table: dict[tuple[tuple[str, ...], str], int] = {}
    status = np.empty(len(places), dtype=np.int8)
    for i, origin in enumerate(origins):
        key = (origin, places[top[i]])
        if key not in table:
            inside = {e in zones[key[1]] for e in origin}
            table[key] = int(OPEN) if len(inside) != 1 else int(inside.pop())
        status[i] = table[key]
    inside_zone = np.array(
        [len(o) == 1 and o[0] in zones[places[t]] for o, t in zip(origins, top, strict=True)]
    )
    return places, origins, status, inside_zone


def _first(names: tuple[str, ...]) -> str:
    return names[0] if names else ""


def _economies(words: str, source: str) -> tuple[str, ...]:
    if words in ("", "here", UNKNOWN):
        return ()
    try:
        return tuple(dict.fromkeys(economies.find(word) for word in words.split("|")))
    except UnknownCode as error:
        raise BillError(f"{source}: {error}") from None


def _values(
    rows: pl.DataFrame, nodes: pl.DataFrame, parent: Ints, depth: Ints, new: Ints, source: str
) -> dict[str, Floats]:
    """Value, FOB and net cost of every node, USD in one product; checked that no part outweighs the whole."""
    n = len(nodes)
    # A cost belongs to one unit of what it goes into: so many of it are in one product.
    costs = rows.filter(pl.col("kind").is_not_null())
    into = new[costs["parent"].to_numpy()]
    amount = costs["value_usd"].to_numpy() * costs["units"].to_numpy()
    kinds = costs["kind"].to_list()
    works, later, outside = np.zeros(n), np.zeros(n), np.zeros(n)
    np.add.at(works, into, np.where([STAGES[k] == "works" for k in kinds], amount, 0.0))
    np.add.at(later, into, np.where([STAGES[k] == "fob" for k in kinds], amount, 0.0))
    np.add.at(outside, into, np.where([k in NOT_IN_NET_COST for k in kinds], amount, 0.0))
    quantity = nodes["quantity"].fill_null(1.0).to_numpy()
    above = nodes["units"].to_numpy()
    each = nodes["unit_cost_usd"].to_numpy() * quantity
    stated = nodes["value_usd"].to_numpy()
    own = np.where(np.isnan(stated), each, stated) * above
    value, below = own.copy(), np.zeros(n)
    excluded = outside.copy()
    bought = nodes["origin"].is_not_null().to_numpy()
    for level in range(int(depth.max(initial=0)), -1, -1):
        here = np.flatnonzero(depth == level)
        sums = below[here] + works[here]
        over = ~np.isnan(own[here]) & (sums > own[here] * (1 + 1e-9) + 1e-9)
        if over.any():
            at = int(here[np.flatnonzero(over)[0]])
            raise BillError(
                f"{source}: bill {nodes['bill'][at]!r}: {nodes['part'][at] or 'the product'}: its parts and costs "
                f"come to {below[at] + works[at]:,.2f} USD, more than its own value of {own[at]:,.2f} USD"
            )
        value[here] = np.where(np.isnan(own[here]), sums, own[here])
        excluded[here] += np.where(bought[here] | np.isnan(own[here]), 0.0, own[here] - sums)
        inner = here[parent[here] >= 0]
        np.add.at(below, parent[inner], value[inner])
        np.add.at(excluded, parent[inner], np.where(bought[inner], 0.0, excluded[inner]))
    return {"value": value, "fob": value + later, "net": value - excluded}


def summary(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """How many bills each rule set answered how."""
    every = pl.concat(list(frames))
    return every.group_by("rules", "answer", "qualifies", maintain_order=True).agg(bills=pl.len())
