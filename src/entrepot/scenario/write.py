"""Results on disk: a folder that appears whole or not at all, with everything needed to run it again."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import polars as pl
import xarray as xr

from entrepot.errors import ScenarioError
from entrepot.scenario.outcome import Outcome
from entrepot.scenario.resolved import canonical, copies, resolved

PROVENANCE = "provenance.json"
VERSIONS = ("entrepot", "numpy", "polars", "scipy", "xarray", "altair", "vl-convert-python")


def write_outcome(outcome: Outcome, out: Path, pages: Mapping[str, str | bytes]) -> Path:
    """Write the results of a scenario to `out/NAME`, with `pages` (texts by file name) among them.

    results.nc has every variable of every variant, results.parquet the outcomes by economy, flows.parquet
    trade by exporter, importer and sector, duties.parquet the duties that went in, draws.parquet the drawn
    outcomes; summary.csv what people read first; scenario.toml and provenance.json rerun it. A folder that
    holds older results is replaced, once the new ones are whole. Raises ScenarioError where that can't be.
    """
    name = outcome.scenario.name

    def fill(folder: Path) -> None:
        _write_results(outcome, folder)
        for where, path in copies(outcome.file).items():
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / where)
        (folder / "scenario.toml").write_text(resolved(outcome.file, out / name), encoding="utf-8")
        _write_pages(folder, pages)
        about = {
            "scenario": name,
            "asks": hashlib.sha256(canonical(outcome.scenario).encode()).hexdigest(),
            "versions": {package: version(package) for package in VERSIONS}
            | {"python": platform.python_version()},
            "inputs": dict(outcome.inputs),
            "model": dict(outcome.variations[0].result.attrs),
            "outputs": checksums(folder),
        }
        text = json.dumps(about, indent=1, default=str, ensure_ascii=False)
        (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")

    return write_folder(out / name, fill)


def write_comparison(outcomes: list[Outcome], out: Path, name: str, pages: Mapping[str, str | bytes]) -> Path:
    """Write what several scenarios have side by side. Raises ScenarioError as `write_outcome` does."""

    def fill(folder: Path) -> None:
        pl.concat([o.summary() for o in outcomes]).write_csv(folder / "summary.csv")
        _write_pages(folder, pages)
        about = {"scenarios": [o.scenario.name for o in outcomes], "outputs": checksums(folder)}
        (folder / PROVENANCE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    return write_folder(out / name, fill)


def write_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder beside its place and put it there when it is whole; if not, nothing has changed.

    Raises ScenarioError for a place that holds something else than results, or can't be written.
    """
    if target.exists() and not (target / PROVENANCE).is_file():
        raise ScenarioError(
            f"{target}: holds something else than results (no {PROVENANCE}); move it, or give another --out"
        )
    partial, old = (target.parent / f".{target.name}.{word}" for word in ("partial", "old"))
    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        fill(partial)
        if target.exists():
            target.rename(old)
        partial.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        _restore(target, old)
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(
            f"{target}: results can't be written: {reason}. What stood there before is as it was"
        ) from None
    except BaseException:  # an interrupted run leaves the old results and nothing half-written
        _restore(target, old)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _restore(target: Path, old: Path) -> None:
    if old.exists() and not target.exists():
        old.rename(target)


def check_writable(out: Path) -> None:
    """Find out before long work whether results can be written. Raises ScenarioError if they can't."""
    probe = out / ".entrepot-probe"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ScenarioError(f"{out}: results can't be written there: {error.strerror or error}") from None


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder but the provenance, by path."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != PROVENANCE
    }


def _write_pages(folder: Path, pages: Mapping[str, str | bytes]) -> None:
    for where, text in pages.items():
        path = folder / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)


def _write_results(outcome: Outcome, folder: Path) -> None:
    several = outcome.variations
    names = [v.name for v in several]
    whole = xr.concat(
        [v.result for v in several],
        dim=xr.DataArray(names, dims="variant", name="variant"),
        combine_attrs="override",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="exact",
    )
    whole.to_netcdf(folder / "results.nc", engine="scipy", format="NETCDF3_64BIT")
    tables = [v.table.select(pl.lit(v.name).alias("variant"), pl.all()) for v in several]
    pl.concat(tables).write_parquet(folder / "results.parquet")
    pl.concat([flows(outcome, v.name) for v in several]).write_parquet(folder / "flows.parquet")
    if several[0].cells is not None:
        duties = [v.cells.table.select(pl.lit(v.name).alias("variant"), pl.all()) for v in several if v.cells]
        pl.concat(duties).write_parquet(folder / "duties.parquet")
        outside = [
            v.cells.unplaced.select(pl.lit(v.name).alias("variant"), pl.all()) for v in several if v.cells
        ]
        pl.concat(outside).write_csv(folder / "unplaced.csv")
        laws = [v.law.select(pl.lit(v.name).alias("variant"), pl.all()) for v in several if v.law is not None]
        pl.concat(laws).write_csv(folder / "law.csv")
    drawn = [
        v.draws.select(pl.lit(v.name).alias("variant"), pl.all()) for v in several if v.draws is not None
    ]
    if drawn:
        pl.concat(drawn).write_parquet(folder / "draws.parquet")
    outcome.summary().write_csv(folder / "summary.csv")


def flows(outcome: Outcome, variant: str) -> pl.DataFrame:
    """Trade and duties of a variant: exporter, importer, sector, flow before and after, tariff before, after."""
    result = next(v for v in outcome.variations if v.name == variant).result
    names = ("flow_base", "flow", "tariff_base", "tariff")
    n, s = len(result["exporter"]), len(result["sector"])
    codes = [str(c) for c in result["exporter"].values]
    sectors = [str(c) for c in result["sector"].values]
    return pl.DataFrame(
        {
            "variant": [variant] * (n * n * s),
            "exporter": [c for c in codes for _ in range(n * s)],
            "importer": [c for _ in codes for c in codes for _ in range(s)],
            "sector": sectors * (n * n),
        }
        | {name: result[name].values.ravel() for name in names}
    )
