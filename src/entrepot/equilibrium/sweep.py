"""Thousands of scenarios: drawn elasticities, any executor, results on disk as they come, resumed after a kill.

The store is a folder of Parquet files, one per piece of work, at `scenario=NAME/draws-FIRST.parquet`
(the layout that polars, DuckDB and Spark read as one partitioned table), and `sweep.json`, which says what the
store holds. A file appears whole or not at all: what is there is done, what isn't is computed again. A longer sweep
replaces the files that hold fewer draws than it wants; a shorter one leaves what is there.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import xarray as xr
from rich.progress import Progress

from entrepot.equilibrium import elasticities
from entrepot.equilibrium.base import Base
from entrepot.equilibrium.engine import counterfactual
from entrepot.equilibrium.model import State
from entrepot.equilibrium.options import Float, Options
from entrepot.equilibrium.outcomes import economy_percent, totals
from entrepot.equilibrium.shock import Change, Shock, change
from entrepot.equilibrium.solve import ready
from entrepot.errors import NotConverged, OptionError
from entrepot.world import World

OUTCOMES = (
    "welfare_pct", "real_wage_pct", "employment_pct", "prices_pct", "exports_gdp_pct", "imports_gdp_pct",
    "deficit_pct", "revenue_share",
)  # fmt: skip

PIECE = 25
"""Scenarios solved between two files: a second's work or so, and the most that a kill loses."""

NAME = re.compile(r"[\w.+-]+")


class Piece(NamedTuple):
    """One file's work: a scenario, the draws of elasticities to solve it under, and where results go."""

    scenario: str
    shock: Shock | xr.DataArray | None
    draws: tuple[int, ...]
    file: Path


class Job(NamedTuple):
    """What all pieces share."""

    world: World
    options: Options
    set_name: str | None  # elasticities to draw from
    seed: int
    mark: str  # digest of the world's data: a name alone may stand for two worlds


def sweep(
    world: World,
    shocks: Mapping[str, Shock | xr.DataArray | None],
    store: Path,
    *,
    options: Options | None = None,
    draw_from: str | None = None,
    draws: int = 1,
    seed: int = 0,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    **overrides: Any,
) -> pl.DataFrame:
    """Solve every scenario, under every draw of elasticities, into a store, and return it as one table.

    `draw_from` names a set of elasticities with published errors; draw k uses the seed and k alone, so that
    scenarios share draws and a resumed sweep gives the same numbers. `executor` is any of
    `concurrent.futures`; by default `workers` processes. Rows are scenario x draw x economy; `status` is
    `converged` or the reason why there are no numbers.

    Raises `OptionError` for a scenario's name that is no file name, elasticities given beside a set to draw from,
    or a store that holds another sweep.
    """
    chosen = (options or Options()).changed(**overrides)
    own = chosen.elasticity
    if draw_from is not None and not (isinstance(own, str) and own in ("world", draw_from)):
        raise OptionError(
            f"option elasticity: {own!r}, and draw_from = {draw_from}: draws replace elasticities; give one."
        )
    job = Job(world, chosen, draw_from, seed, _mark(world.data.data_vars))
    central = _central(job)
    for name, shock in shocks.items():
        if not NAME.fullmatch(name):
            raise OptionError(f"scenario {name!r}: names may hold letters, digits, and . + - _ only.")
        change(central, shock)
    if draws < 1 or (draw_from is None and draws != 1):
        raise OptionError(
            f"draws = {draws}: give one or more, and draw_from with a set of elasticities for many."
        )
    _claim(store, job, shocks)
    todo = [p for p in pieces(shocks, draws, store) if not _done(p)]
    if todo:
        if executor is not None:
            _run(executor, job, todo, progress=progress)
        else:
            # Spawned, not forked: the parent has threads of BLAS and polars, which a fork may catch mid-lock.
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
                _run(processes, job, todo, progress=progress)
    return read(store).filter(pl.col("scenario").is_in(list(shocks)) & (pl.col("draw") < draws))


def pieces(shocks: Mapping[str, Shock | xr.DataArray | None], draws: int, store: Path) -> Iterable[Piece]:
    """The work of a sweep in files; the same sweep always has the same files."""
    for name, shock in shocks.items():
        for first in range(0, draws, PIECE):
            some = tuple(range(first, min(first + PIECE, draws)))
            yield Piece(name, shock, some, store / f"scenario={name}" / f"draws-{first:06d}.parquet")


def _done(piece: Piece) -> bool:
    """Whether a piece's file holds all its draws."""
    if not piece.file.exists():
        return False
    held: int = (
        pl.scan_parquet(piece.file, hive_partitioning=False).select(pl.col("draw").max()).collect().item()
    )
    return held >= piece.draws[-1]


def read(store: Path) -> pl.DataFrame:
    """All finished results of a store, by scenario, draw and economy."""
    files = sorted(store.glob("scenario=*/draws-*.parquet"))
    if not files:
        raise OptionError(f"{store}: no finished results of a sweep here.")
    return pl.concat([pl.read_parquet(f, hive_partitioning=False) for f in files])


def bands(
    table: pl.DataFrame,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    *,
    by: Sequence[str] = ("scenario", "economy"),
) -> pl.DataFrame:
    """Quantiles of every outcome over draws, one row per group, and the share of draws that converged."""
    good = pl.col("status") == "converged"
    spread = [
        pl.col(name).filter(good).quantile(q, interpolation="linear").alias(f"{name}_q{_percent(q)}")
        for name in OUTCOMES
        for q in quantiles
    ]
    return table.group_by(list(by), maintain_order=True).agg(good.mean().alias("converged"), *spread)


def _percent(quantile: float) -> str:
    """05 for 0.05, 2.5 for 0.025."""
    percent = round(100 * quantile, 6)
    return f"{percent:02.0f}" if percent == round(percent) else f"{percent:g}"


def _run(executor: Executor, job: Job, todo: list[Piece], *, progress: bool) -> None:
    futures = [executor.submit(_work, job, task) for task in _tasks(todo)]
    with Progress(disable=not progress, transient=True) as bar:
        task = bar.add_task("scenarios", total=sum(len(p.draws) for p in todo))
        for future in as_completed(futures):
            bar.advance(task, future.result())


def _tasks(todo: list[Piece]) -> Iterator[list[Piece]]:
    """Pieces put together until they are worth sending the world with them."""
    task: list[Piece] = []
    for piece in todo:
        task.append(piece)
        if sum(len(p.draws) for p in task) >= PIECE:
            yield task
            task = []
    if task:
        yield task


def _work(job: Job, task: list[Piece]) -> int:
    """Solve some pieces and write their files; how many scenarios they had."""
    central = _central(job)
    for piece in task:
        ch = change(central, piece.shock)
        guess = None if job.set_name is None else _guess(central, ch)
        partial = piece.file.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        _frame(
            piece, central.economies, [_solved(job, central, ch, guess, k) for k in piece.draws]
        ).write_parquet(partial)
        partial.replace(piece.file)
    return sum(len(p.draws) for p in task)


_bases: dict[tuple[str, str], Base] = {}
"""The last base that this process prepared: tasks of one job share it."""


def _central(job: Job) -> Base:
    """The base under the published values of the set that is drawn from, or the job's own elasticities."""
    options = job.options if job.set_name is None else job.options.changed(elasticity=job.set_name)
    key = (job.mark, repr(options))
    if key not in _bases:
        _bases.clear()
        _bases[key] = ready(job.world, options)
    return _bases[key]


def _drawn(job: Job, central: Base, draw: int) -> Base:
    """The base under one draw of elasticities."""
    if job.set_name is None:
        return central
    theta = elasticities.draw(job.set_name, job.world.sectors, np.random.default_rng([job.seed, draw]))
    if central.solved:  # a base that is itself a solution depends on elasticities in every number
        return ready(job.world, job.options.changed(elasticity=tuple(float(v) for v in theta)))
    return replace(central, parameters=central.parameters._replace(elasticity=theta))


def _guess(central: Base, ch: Change) -> State | None:
    """Where draws start from: the solution under the published values, whichever draws a piece has."""
    try:
        return counterfactual(central, ch).state
    except NotConverged:
        return None


def _solved(
    job: Job, central: Base, ch: Change, guess: State | None, draw: int
) -> tuple[str, Mapping[str, Float]]:
    """Whether a scenario has an equilibrium under one draw (else why not), and its outcomes by economy (N,)."""
    try:
        base = _drawn(job, central, draw)
        s = counterfactual(base, ch, guess=guess, inverse=central.approximate_inverse)
    except NotConverged as error:
        return str(error), dict.fromkeys(OUTCOMES, np.full(len(central.economies), np.nan))
    before = base.totals if central.solved else central.totals  # flows, which no elasticity changes
    return "converged", economy_percent(s, before, totals(s))


def _frame(
    piece: Piece, economies: Sequence[str], solved: Sequence[tuple[str, Mapping[str, Float]]]
) -> pl.DataFrame:
    """The rows of one file: draws by economies."""
    n = len(economies)
    columns = {
        "scenario": [piece.scenario] * (n * len(solved)),
        "draw": np.repeat(np.array(piece.draws, dtype=np.int32), n),
        "economy": list(economies) * len(solved),
        "status": [status for status, _ in solved for _ in range(n)],
    }
    found = {name: np.concatenate([outcomes[name] for _, outcomes in solved]) for name in OUTCOMES}
    return pl.DataFrame(columns | found).with_columns(pl.col(OUTCOMES).fill_nan(None))


def _claim(store: Path, job: Job, shocks: Mapping[str, Shock | xr.DataArray | None]) -> None:
    """Write what the store holds, or check that it holds results of the same world, options and shocks."""
    what = {
        "world": f"{job.world.name} {job.mark}",
        "options": repr(job.options),
        "draw_from": job.set_name,
        "seed": job.seed,
    }
    marks = {name: _mark(_parts(shock)) for name, shock in shocks.items()}
    store.mkdir(parents=True, exist_ok=True)
    file = store / "sweep.json"
    known: dict[str, str] = {}
    if file.exists():
        stored = json.loads(file.read_text(encoding="utf-8"))
        known = stored.pop("scenarios")
        different = [k for k in what if stored.get(k) != what[k]]
        different += [f"scenario {k}" for k in marks if known.get(k, marks[k]) != marks[k]]
        if different:
            raise OptionError(
                f"{store}: holds a sweep that differs in {', '.join(different)}; give another folder, or empty it."
            )
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(what | {"scenarios": known | marks}, indent=1), encoding="utf-8")
    partial.replace(file)


def _parts(shock: Shock | xr.DataArray | None) -> dict[str, xr.DataArray]:
    if isinstance(shock, xr.DataArray):
        shock = Shock(tariff=shock)
    return {} if shock is None else {k: v for k, v in vars(shock).items() if v is not None}


def _mark(arrays: Mapping[Any, xr.DataArray]) -> str:
    """A digest of labelled arrays: names, dimensions, labels and values."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        labels = [(d, array[d].values.astype(str).tolist()) for d in array.dims]
        digest.update(repr((name, labels)).encode())
        digest.update(np.ascontiguousarray(array.values).tobytes())
    return digest.hexdigest()[:16]
