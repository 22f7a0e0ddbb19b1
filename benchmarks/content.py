"""Speed and memory of content at the size of the OECD's tables: 77 economies x 45 sectors, 3,465 rows.

Pairs, in one run and on one table: all origins x all exporting sectors by `trace`, one LAPACK LU
factorisation of that size, and pymrio's `calc_L`. Speeds of shared machines are read as ratios; each is the
best of several runs.

    python benchmarks/content.py [--runs 5] [--years 27]
"""

import argparse
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pymrio
from scipy.linalg import lapack

from entrepot.content import system, trace
from entrepot.content.trace import content_shares
from entrepot.world import World, dataset, reference_facts
from entrepot.world.estimate import estimate


def large_world(year: int, economies: int = 77, sectors: int = 45) -> World:
    """A balanced table with the density, home bias and value-added shares of published ones."""
    rng = np.random.default_rng(year)
    size = economies * sectors
    A = rng.lognormal(-2, 2, (size, size))
    home = np.repeat(np.arange(economies), sectors)
    A *= np.where(home[:, None] == home[None, :], 40, 0.15)
    A *= rng.uniform(0.25, 0.75, size) / A.sum(axis=0)
    final = rng.lognormal(3, 1.5, (size, economies)) * np.where(home[:, None] == np.arange(economies), 30, 1)
    output = np.linalg.solve(np.eye(size) - A, final.sum(axis=1))
    A *= output
    return World(
        dataset(
            [f"E{i:02d}" for i in range(economies)],
            [f"S{k:02d}" for k in range(sectors)],
            {
                "intermediate": A.reshape(economies, sectors, economies, sectors),
                "final": final.reshape(economies, sectors, economies),
                "value_added": (output - A.sum(axis=0)).reshape(economies, sectors),
            },
            name=f"large {year}",
        )
    )


def best(work: Callable[[], object], runs: int) -> float:
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def years(count: int) -> Iterator[tuple[str, World]]:
    """Worlds made one by one, as when files are read."""
    for year in range(count):
        yield str(1995 + year), large_world(year)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--years", type=int, default=0, help="stream this many years and print memory after each"
    )
    given = parser.parse_args()
    world = large_world(0)
    of = system(world)
    matrix_mb = of.inputs.nbytes / 1e6
    identity_less = np.asfortranarray(np.eye(len(of.output)) - of.A)
    shares = content_shares(of)
    exact = np.linalg.inv(identity_less)
    reference = np.stack([of.value_added[of.block(i)] @ exact[of.block(i)] for i in range(len(of.economies))])
    print(f"rows {len(of.output)}, one matrix {matrix_mb:.0f} MB")
    print(f"largest difference from the full inverse {np.abs(shares - reference).max():.1e}")

    def factorise() -> None:
        lapack.dgetrf(factorise.matrix, overwrite_a=1)  # type: ignore[attr-defined]

    lu = np.inf
    for _ in range(given.runs):
        factorise.matrix = identity_less.copy(order="F")  # type: ignore[attr-defined]
        lu = min(lu, best(factorise, 1))
    content = best(lambda: content_shares(of), given.runs)
    whole = best(lambda: trace(world), given.runs)
    print(f"LU factorisation (dgetrf)                  {lu:6.3f} s")
    print(f"content of all exporting sectors           {content:6.3f} s   {content / lu:5.2f} x LU")
    print(f"trace(): the same, exports, final demand   {whole:6.3f} s   {whole / lu:5.2f} x LU")
    frame = pd.DataFrame(of.A)
    theirs = best(lambda: pymrio.calc_L(frame), min(given.runs, 3))
    print(f"pymrio.calc_L                              {theirs:6.3f} s   {theirs / content:5.1f} x content")
    tracemalloc.start()
    content_shares(of)
    extra = tracemalloc.get_traced_memory()[1] / 1e6 / matrix_mb
    print(f"memory beyond the table                    {extra:6.2f} matrices")
    tracemalloc.stop()
    facts = reference_facts()
    print(f"estimate of reference-2023                 {best(lambda: estimate(facts), 3):6.3f} s")
    if given.years:

        def watched() -> Iterator[tuple[str, World]]:
            for label, one in years(given.years):
                yield label, one
                print(f"  {label}: peak {peak_mb():.0f} MB")

        trace(watched())


if __name__ == "__main__":
    main()
