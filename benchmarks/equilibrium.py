"""Speed and memory of the equilibrium: the cases of issue 4, and cost against size and shock.

    python benchmarks/equilibrium.py [--data ../shared/data] [--large] [--runs 7]

Best of several runs; a published code's time stands beside where there is one. `--large` adds 194 x 170.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from entrepot.equilibrium import liberation, presets, ready
from entrepot.equilibrium.base import Base, labelled
from entrepot.equilibrium.engine import Solution, counterfactual
from entrepot.equilibrium.liberation_tables import BASELINE, Cases
from entrepot.equilibrium.shock import FLOW, Change, change
from entrepot.equilibrium.solve import solve
from entrepot.equilibrium.sweep import sweep
from entrepot.world import World, dataset


def best(what: Callable[[], Any], runs: int) -> float:
    """Shortest time of several runs, in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        what()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def made_up(n: int, s: int, seed: int = 0) -> World:
    """A closed world of n economies and s sectors with input-output links, gravity-like and mostly at home."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0, 1.2, n)
    a = rng.dirichlet(np.full(s, 0.5), (n, s)).transpose(0, 2, 1) * 0.5  # [economy, input, user]
    pull = size[:, None, None] * rng.lognormal(0, 1.0, (n, n, s))
    pull[np.arange(n), np.arange(n)] = 0
    share = pull / pull.sum(axis=0)
    open_to = rng.uniform(0.1, 0.4, (n, s))
    share *= open_to[None]
    share[np.arange(n), np.arange(n)] += 1 - open_to
    spent = size[:, None] * rng.dirichlet(np.ones(s), n)
    output = spent.copy()
    for _ in range(
        200
    ):  # x = share (final + a x): the power series of the Leontief inverse, without its matrix
        output = np.einsum("ins,ns->is", share, spent + np.einsum("nsk,nk->ns", a, output))
    flow = share * (spent + np.einsum("nsk,nk->ns", a, output))[None]
    return World(
        dataset(
            [f"E{i:03d}" for i in range(n)],
            [f"S{k:03d}" for k in range(s)],
            {
                "flow": flow,
                "input_coefficient": a,
                "value_added_share": 1 - a.sum(axis=1),
                "final_share": spent / spent.sum(axis=1, keepdims=True),
                "trade_elasticity": rng.uniform(2, 8, s),
            },
            name=f"made up, {n} x {s}",
        )
    )


def one_sided(base: Base, rate: float, importer: int = 0) -> Change:
    """One importer puts a tariff on everyone, everything."""
    tariff = np.zeros_like(base.trade_share)
    tariff[:, importer, :] = rate
    tariff[:, importer, importer] = 0
    return Change(tariff=tariff)


def everyone(base: Base, rate: float) -> Change:
    """All put the same tariff on all."""
    tariff = np.full_like(base.trade_share, rate)
    n = len(base.economies)
    tariff[:, np.arange(n), np.arange(n)] = 0
    return Change(tariff=tariff)


def line(what: str, took: float, target: str, note: str = "") -> None:
    """One row of the report."""
    print(f"{what:<58} {took:>10.1f} ms   {target:<24} {note}")


def sized(n: int, s: int, runs: int, target: str) -> tuple[Base, Solution]:
    """One counterfactual on a made-up world, one importer taxing all and all taxing all."""
    base = ready(made_up(n, s))
    _ = base.approximate_inverse
    few, all_of_them = one_sided(base, 0.25), everyone(base, 0.1)
    s1, s2 = counterfactual(base, few), counterfactual(base, all_of_them)
    line(
        f"{n} x {s}, one importer's tariffs",
        best(lambda: counterfactual(base, few), runs),
        target,
        f"{s1.steps} sweeps",
    )
    line(
        f"{n} x {s}, everyone's tariffs",
        best(lambda: counterfactual(base, all_of_them), runs),
        target,
        f"{s2.steps} sweeps",
    )
    return base, s1


def reading(arrays: list[np.ndarray], runs: int) -> float:
    """Time to read arrays from memory once, in milliseconds: the bound of anything that must see them all."""
    return best(lambda: [a.reshape(-1).max() for a in arrays], runs)


def sweep_cost(base: Base, s: Solution, runs: int) -> float:
    """Time of one evaluation of the model, in milliseconds."""
    from entrepot.equilibrium.model import market  # noqa: PLC0415

    return best(lambda: market(np, base.rules, s.parameters, s.sums, s.state), runs)


def main() -> None:
    """Run what the data allow and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    if args.data.is_dir():
        published(args.data, args.runs)
    base, _ = sized(77, 45, args.runs, "at most 15 ms")
    throughput(base)
    memory(base)
    scaling(args.runs)
    if args.large:
        large(args.runs)


def throughput(base: Base, scenarios: int = 1000) -> None:
    """77 x 45: one counterfactual after the other, and a sweep with two processes, start and files included."""
    tariffs = [one_sided(base, r) for r in np.linspace(0.05, 1.0, 40)]
    took = best(lambda: [counterfactual(base, t) for t in tariffs], 3)
    line("77 x 45, scenarios on one core, each", took / 40, "20 ms", f"{40e3 / took:.0f} a second")
    tariff = labelled(base, one_sided(base, 0.25).tariff.transpose(2, 1, 0), FLOW, "fraction")
    with tempfile.TemporaryDirectory() as store:
        start = time.perf_counter()
        sweep(
            made_up(77, 45), {"one": tariff}, Path(store), draw_from="boehm-levchenko-pandalai-nayar-2023-long",
            draws=scenarios, workers=2, progress=False,
        )  # fmt: skip
        took = 1e3 * (time.perf_counter() - start)
    line(
        "77 x 45, a sweep of drawn elasticities, two processes, each",
        took / scenarios,
        "10 ms",
        f"{1e3 * scenarios / took:.0f} a second",
    )


def published(data: Path, runs: int) -> None:
    """The exercises of the papers."""
    preset = presets.open_preset("cp2015-nafta", data / "cp2015")
    base = ready(preset.world, preset.options)
    ch = change(base, preset.tariff)
    _ = base.approximate_inverse
    s = counterfactual(base, ch)
    line(
        "31 x 40 NAFTA to 1e-10",
        best(lambda: counterfactual(base, ch), 3 * runs),
        "12 ms (JAX code 1200)",
        f"{s.steps} sweeps",
    )
    line("  with the labelled result", best(lambda: solve(base, preset.tariff, flows=False), runs), "")
    line(
        "  with the base solved first",
        best(lambda: solve(preset.world, preset.tariff, preset.options, flows=False), runs),
        "",
    )
    command = [
        str(Path(sys.executable).with_name("entrepot")),
        "solve",
        "--world",
        "cp2015-nafta",
        "--data",
        str(data / "cp2015"),
    ]
    took = best(lambda: subprocess.run(command, check=True, capture_output=True), 3)
    line("  whole process", took, "1500 ms (JAX code 8200)")
    cases = Cases(data / "liberation-day")
    shocks = [change(cases.base, cases.tariffs(c)) for c in BASELINE]
    lump = ready(cases.world, cases.options.changed(revenue="lump_sum"))
    bases = [lump if c == "1.2" else cases.base for c in BASELINE]
    nine = best(lambda: [counterfactual(b, c) for b, c in zip(bases, shocks, strict=True)], runs)
    line("194 x 1, nine baseline scenarios", nine, "200 ms (port 9900)")
    optimal_tariffs(data)


def optimal_tariffs(data: Path) -> None:
    """The two optimal-tariff problems of the paper's input-output variant, 193 tariffs each."""
    from entrepot.equilibrium import respond  # noqa: PLC0415

    world, options = liberation.read(data / "liberation-day", inputs=True)
    base = ready(world, options)
    rest = respond.Government("rest", tuple(c for c in world.economies if c != "USA"), ("USA",))
    ustr = liberation.two_sided(world, liberation.ustr_rates(data / "liberation-day"))
    problems: list[tuple[str, Callable[[], respond.Optimum]]] = [
        ("US tariffs on 193", lambda: respond.optimal(base, "USA", by="partner", bounds=(0, 0.25))),
        (
            "193 tariffs on the US",
            lambda: respond.optimal(base, rest, by="member", bounds=(0, 0.5), shock=ustr),
        ),
    ]
    for name, problem in problems:
        for state in ("with compilation", "compiled"):
            start = time.perf_counter()
            found = problem()
            took = 1e3 * (time.perf_counter() - start)
            line(
                f"194 x 1 with inputs, {name}, {state}",
                took,
                "5000 ms (port > 480000)",
                f"{found.steps} evaluations",
            )


def memory(base: Base) -> None:
    """Peak of new memory in a counterfactual against the trade-share array."""
    for name, ch in (("one importer's", one_sided(base, 0.25)), ("everyone's", everyone(base, 0.1))):
        tracemalloc.start()
        counterfactual(base, ch)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # What the base itself holds of that size: shares, and input coefficients with their inverse.
        held = base.trade_share.nbytes
        print(
            f"memory beyond the base, {name} tariffs: {peak / held:.2f} times the trade-share array (at most 6)"
        )


def scaling(runs: int) -> None:
    """Cost against N and J, and sweeps against the size of the shock."""
    print("\n   N    J    flows    ms   sweeps")
    for n, s in ((10, 20), (20, 20), (40, 20), (80, 20), (40, 10), (40, 40), (40, 80)):
        base = ready(made_up(n, s))
        ch = one_sided(base, 0.25)
        found = counterfactual(base, ch)
        took = best(lambda b=base, c=ch: counterfactual(b, c), runs)
        print(f"{n:>4} {s:>4} {n * n * s:>8} {took:>6.2f} {found.steps:>6}")
    print("\n  tariff of one on all, of all on all: sweeps")
    base = ready(made_up(40, 20), deficits="balanced")
    for rate in (0.001, 0.01, 0.1, 0.5, 1.45, 5.0, 20.0):
        one, both = counterfactual(base, one_sided(base, rate)), counterfactual(base, everyone(base, rate))
        print(f"{rate:>8g}  {one.steps:>4} {both.steps:>4}  ({one.method}, {both.method})")


def large(runs: int) -> None:
    """194 x 170: time, and one evaluation against reading its arrays."""
    base, s = sized(194, 170, min(runs, 3), "at most 500 ms")
    inputs = base.input_coefficient
    assert inputs is not None
    read = reading([s.kernel, inputs], runs)
    took = sweep_cost(base, s, runs)
    line(
        "194 x 170, one evaluation",
        took,
        "at most 4 readings",
        f"{took / read:.1f} readings of {read:.1f} ms",
    )
    memory(base)


if __name__ == "__main__":
    with xr.set_options(keep_attrs=True):
        main()
