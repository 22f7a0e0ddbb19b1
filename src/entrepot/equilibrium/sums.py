"""The sums over trade flows and input coefficients for NumPy, arranged for memory.

A sweep of the model needs each trade flow three times. Arrays beyond the cache are walked in blocks of
sectors (and of economies for input coefficients), so that each is read from memory once.
(More threads than one don't pay: a core reads about as fast as the memory gives.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

BLOCK_BYTES = 1 << 20
"""Size of a block: two fit in the second-level cache of current processors."""

SPARSE_BELOW = 0.15
"""Below this share of flows that pay duty, duties are kept by flow instead of as a second kernel."""


class Duties(NamedTuple):
    """The duty part of the kernel, K t'/(1 + t'), where duty is paid: values and their places, all (flows,)."""

    value: Float
    market: NDArray[np.intp]  # place of (sector, importer) in a flat array
    source: NDArray[np.intp]  # place of (sector, exporter)


class BlockedSums:
    """`Sums` over NumPy arrays.

    `kernel` (sector, importer, exporter) is K_ins; `tariff` are t'_ins in the same layout or None;
    `input_coefficient` is (economy, input, user) or None for an economy without input-output links.
    """

    def __init__(self, kernel: Float, tariff: Float | None, input_coefficient: Float | None) -> None:
        self.kernel = kernel
        self.duties: Duties | None = None
        self.net_kernel: Float | None = None
        if tariff is not None:
            paid = tariff != 0
            if np.count_nonzero(paid) > SPARSE_BELOW * paid.size:
                self.net_kernel = np.add(tariff, 1.0)
                np.divide(kernel, self.net_kernel, out=self.net_kernel)
            else:
                self.duties = _duties(kernel, tariff, np.flatnonzero(paid))
        self.input_coefficient = input_coefficient
        self.sector_blocks = blocks(len(kernel), kernel[0].nbytes * (1 if self.net_kernel is None else 2))
        self.economy_blocks = (
            [] if input_coefficient is None else blocks(len(input_coefficient), input_coefficient[0].nbytes)
        )

    def trade(self, efficiency: Float, spending: Float, kept: Float) -> tuple[Float, Float, Float]:
        """See `Sums.trade`."""
        v = np.ascontiguousarray(efficiency.T)[:, :, None]
        x = np.ascontiguousarray(spending.T)[:, :, None]
        keep = kept[None, :, None]
        denominator, sold = np.empty_like(v), np.empty_like(v)
        intensity = np.empty_like(v)
        purchases = np.empty_like(v) if self.net_kernel is not None else x.copy()
        for block in self.sector_blocks:
            k = self.kernel[block]
            np.matmul(k, v[block], out=denominator[block])
            np.divide(x[block], denominator[block], out=intensity[block])
            if self.net_kernel is not None:
                k = self.net_kernel[block]
                np.matmul(k, v[block], out=purchases[block])
                purchases[block] *= intensity[block]
            np.matmul(k.transpose(0, 2, 1), keep * intensity[block], out=sold[block])
        if self.duties is not None and self.duties.value.size:
            value, market, source = self.duties
            due = np.bincount(market, value * v.reshape(-1)[source], minlength=v.size)
            purchases -= intensity * due.reshape(v.shape)
            unsold = np.bincount(source, value * (keep * intensity).reshape(-1)[market], minlength=v.size)
            sold -= unsold.reshape(v.shape)
        # Copied: what follows mixes these with arrays by economy, and walks along both at once.
        return _by_economy(denominator), _by_economy(purchases), _by_economy(sold)

    def inputs(self, log_price: Float, sales: Float) -> tuple[Float, Float]:
        """See `Sums.inputs`."""
        if self.input_coefficient is None:
            return np.zeros_like(log_price), np.zeros_like(sales)
        p, s = np.ascontiguousarray(log_price)[:, :, None], np.ascontiguousarray(sales)[:, :, None]
        price, use = np.empty_like(p), np.empty_like(s)
        for block in self.economy_blocks:
            g = self.input_coefficient[block]
            np.matmul(g.transpose(0, 2, 1), p[block], out=price[block])
            np.matmul(g, s[block], out=use[block])
        return price[:, :, 0], use[:, :, 0]


def _by_economy(values: Float) -> Float:
    """(S, N, 1) as (N, S), copied."""
    return np.ascontiguousarray(values[:, :, 0].T)


def _duties(kernel: Float, tariff: Float, at: NDArray[np.intp]) -> Duties:
    """Duties at the places `at` of the flat arrays (sector, importer, exporter)."""
    n = kernel.shape[-1]
    rate = tariff.reshape(-1)[at]
    market, exporter = np.divmod(at, n)
    value = kernel.reshape(-1)[at] * (rate / (1 + rate))
    return Duties(value, market, market - market % n + exporter)


def blocks(count: int, each: int) -> list[slice]:
    """Slices of so many of `count` items that they fit a block, at `each` bytes."""
    step = max(1, BLOCK_BYTES // max(each, 1))
    return [slice(a, min(a + step, count)) for a in range(0, count, step)]
