"""The invariants of a world, each naming its worst cell.

A check is a pure function that returns a `Finding`: how large the worst miss is, relative to what it is
measured against, and where. `World` raises on those that fail when it is made; `entrepot world check` prints
all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import WorldError

Float = NDArray[np.float64]
Labels = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Finding:
    """One invariant, measured: `miss` is the worst relative miss, at `cell`, and `limit` what is allowed."""

    invariant: str
    miss: float
    limit: float
    cell: str
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the worst miss is within the limit (a NaN never is)."""
        return self.miss <= self.limit

    def raise_if_broken(self, world: str) -> None:
        """Raise `WorldError` naming the world, the invariant and the worst cell, if it does not hold."""
        if not self.holds:
            raise WorldError(
                f"{world}: {self.invariant} fails at {self.cell}: {self.detail} "
                f"(worst relative miss {self.miss:.3g}, allowed {self.limit:.3g})."
            )


def cell_name(index: Sequence[int], dims: Sequence[str], labels: Labels) -> str:
    """Name a cell in words, for example `exporter CHN, importer VNM, sector ELC`."""
    return ", ".join(f"{d} {names[i]}" for d, names, i in zip(dims, labels, index, strict=True))


def worst(values: Float) -> tuple[int, ...]:
    """Index of the largest value; a NaN counts as larger than everything."""
    flat = int(np.argmax(np.where(np.isnan(values), np.inf, values)))
    return tuple(int(i) for i in np.unravel_index(flat, values.shape))


def no_gaps(name: str, values: Float, dims: Sequence[str], labels: Labels) -> Finding:
    """Every value of `name` is a finite number."""
    bad = ~np.isfinite(values)
    at = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), values.shape))
    count = int(bad.sum())
    return Finding(
        f"every {name} is a number",
        float(count),
        0.0,
        cell_name(at, dims, labels) if count else "no cell",
        f"found {values[at]}, {count} such cell(s); give a number, or leave the variable out if unknown"
        if count
        else "all finite",
    )


def non_negative(name: str, values: Float, dims: Sequence[str], labels: Labels) -> Finding:
    """No value of `name` is below zero; the miss is relative to the largest value."""
    at = tuple(int(i) for i in np.unravel_index(int(values.argmin()), values.shape))
    scale = max(abs(float(values.max())), abs(float(values[at]))) or 1.0
    return Finding(
        f"{name} >= 0",
        max(0.0, -float(values[at])) / scale,
        1e-12,
        cell_name(at, dims, labels),
        f"found {values[at]:.6g}; {int((values < 0).sum())} negative cell(s) in all",
    )


def agree(
    invariant: str,
    left: Float,
    right: Float,
    dims: Sequence[str],
    labels: Labels,
    *,
    limit: float,
    scale: Float | None = None,
) -> Finding:
    """`left` equals `right` cell by cell; the miss is relative to `scale` (by default the larger side of
    the cell).
    """
    size = np.maximum(np.abs(left), np.abs(right)) if scale is None else np.broadcast_to(scale, left.shape)
    floor = 1e-12 * float(np.max(size, initial=0.0)) or 1.0
    gap = np.abs(left - right) / np.maximum(size, floor)
    at = worst(gap)
    return Finding(
        invariant,
        float(gap[at]),
        limit,
        cell_name(at, dims, labels),
        f"{left[at]:.6g} against {right[at]:.6g}",
    )


def at_most(
    invariant: str, values: Float, most: float, dims: Sequence[str], labels: Labels, *, advice: str
) -> Finding:
    """No value exceeds `most`; `advice` says what a larger one usually means."""
    at = worst(values)
    return Finding(
        invariant,
        max(0.0, float(values[at]) - most),
        0.0,
        cell_name(at, dims, labels),
        f"found {values[at]:.4g}, {int((values > most).sum())} cell(s) above {most:g}; {advice}",
    )
