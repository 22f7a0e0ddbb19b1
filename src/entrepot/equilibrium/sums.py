"""The sums over trade flows and input coefficients for NumPy, arranged for memory.

A sweep of the model needs each trade flow three times. Arrays beyond the cache are walked in blocks of
sectors (and of economies for input coefficients), so that each is read from memory once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Float = NDArray[np.float64]

BLOCK_BYTES = 1 << 20
"""Size of a block: two fit in the second-level cache of current processors."""

SPARSE_BELOW = 0.15
"""Below this share of flows that pay duty, duties are kept as a sparse matrix instead of a second kernel."""


class BlockedSums:
    """`Sums` over NumPy arrays.

    `kernel` (sector, importer, exporter) is K_ins; `duty_share` is t'/(1 + t') in the same layout, or the
    pair (flat positions, values) where few flows pay; `input_coefficient` is (economy, input, user) or None
    for an economy without input-output links.
    """

    def __init__(
        self,
        kernel: Float,
        duty_share: Float | tuple[NDArray[np.intp], Float],
        input_coefficient: Float | None,
    ) -> None:
        self.kernel = kernel
        self.duties: sparse.csr_array | None = None
        self.net_kernel: Float | None = None
        if isinstance(duty_share, tuple):
            at, share = duty_share
            self.duties = _block_diagonal(kernel, at, share)
            # The transpose of CSR walks scattered memory; its own CSR is small and faster.
            self.duties_by_exporter = self.duties.T.tocsr()
        else:
            self.net_kernel = np.multiply(kernel, 1 - duty_share)
        self.input_coefficient = input_coefficient
        self.sector_blocks = _blocks(len(kernel), kernel[0].nbytes * (1 if self.net_kernel is None else 2))
        self.economy_blocks = (
            [] if input_coefficient is None else _blocks(len(input_coefficient), input_coefficient[0].nbytes)
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
        if self.duties is not None and self.duties.nnz:
            purchases -= intensity * (self.duties @ v.reshape(-1)).reshape(v.shape)
            sold -= (self.duties_by_exporter @ (keep * intensity).reshape(-1)).reshape(v.shape)
        return denominator[:, :, 0].T, purchases[:, :, 0].T, sold[:, :, 0].T

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


def _block_diagonal(kernel: Float, at: NDArray[np.intp], share: Float) -> sparse.csr_array:
    """Duty part of the kernel, K t'/(1 + t'), as one matrix of (sector, importer) by (sector, exporter)."""
    sectors, n, _ = kernel.shape
    row, exporter = np.divmod(at, n)
    column = row - row % n + exporter
    values = kernel.reshape(-1)[at] * share
    return sparse.csr_array((values, (row, column)), shape=(sectors * n, sectors * n))


def _blocks(count: int, each: int) -> list[slice]:
    step = max(1, BLOCK_BYTES // max(each, 1))
    return [slice(a, min(a + step, count)) for a in range(0, count, step)]
