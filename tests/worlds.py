"""Small worlds that tests make for themselves."""

import numpy as np

from entrepot.world import World, dataset


def random_table(seed: int, n: int = 3, s: int = 2, *, idle: bool = False) -> World:
    """A balanced table of n economies and s sectors; `idle` leaves the last sector of the first economy
    empty.
    """
    rng = np.random.default_rng(seed)
    final = rng.lognormal(2, 1, (n, s, n))
    A = rng.dirichlet(np.ones(n * s + 2), n * s).T[: n * s]
    if idle:
        final[0, s - 1] = 0
        A[s - 1] = 0
        A[:, s - 1] = 0
    x = np.linalg.solve(np.eye(n * s) - A, final.sum(axis=2).ravel())
    Z = (A * x).reshape(n, s, n, s)
    value_added = x.reshape(n, s) - Z.sum(axis=(0, 1))
    return World(
        dataset(
            [f"E{i}" for i in range(n)],
            [f"S{k}" for k in range(s)],
            {"intermediate": Z, "final": final, "value_added": value_added},
            name=f"table {seed}",
        )
    )


def random_calibrated(seed: int, n: int = 3, s: int = 2, *, tariffs: bool = True) -> World:
    """A closed calibrated world with duties: pick shares and coefficients, solve for output, then read off
    flows.
    """
    rng = np.random.default_rng(seed)
    a = rng.dirichlet(np.ones(s + 1), (n, s)).transpose(0, 2, 1)[:, :s]  # [economy, input, user]
    share = rng.dirichlet(np.ones(n), (n, s)).transpose(2, 0, 1)
    tariff = rng.uniform(0, 0.4, (n, n, s)) if tariffs else np.zeros((n, n, s))
    tariff[np.arange(n), np.arange(n)] = 0
    origin = share / (1 + tariff)
    A = np.einsum("ijs,jsk->isjk", origin, a).reshape(n * s, n * s)
    spent = rng.lognormal(2, 1, (n, s))
    x = np.linalg.solve(np.eye(n * s) - A, np.einsum("ijs,js->is", origin, spent).ravel()).reshape(n, s)
    flow = origin * (spent + np.einsum("jsk,jk->js", a, x))[None]
    return World(
        dataset(
            [f"E{i}" for i in range(n)],
            [f"S{k}" for k in range(s)],
            {
                "flow": flow,
                "tariff": tariff,
                "input_coefficient": a,
                "value_added_share": 1 - a.sum(axis=1),
                "final_share": spent / spent.sum(axis=1, keepdims=True),
            },
            name=f"calibrated {seed}",
        )
    )
