"""Derivatives of outcomes with respect to a change, by the implicit function theorem under JAX.

At a solution F(z, x) = 0 (z the state, x tariffs and other changes), so that an outcome O(z, x) moves by
O_x dx - O_z F_z^{-1} F_x dx. Forward mode solves F_z dz = -F_x dx for one direction and all outcomes; reverse
mode solves F_z' l = O_z' for one outcome and all changes. The iterations of the solver are never unrolled.

F is `model.market`, the same function that NumPy runs. Importing this module switches JAX to 64 bits.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.sparse.linalg import LinearOperator, gmres

from entrepot.equilibrium import model
from entrepot.equilibrium.base import labelled, labels
from entrepot.equilibrium.engine import Solution
from entrepot.equilibrium.model import Array, DenseSums, Market, Parameters, Rules, State
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.precondition import preconditioner, step, step_transposed
from entrepot.equilibrium.shock import DIMS, FLOW, Shock, laid_out
from entrepot.errors import NotConverged, OptionError

try:
    import jax
    import jax.numpy as jnp
except ImportError as missing:
    raise OptionError(
        "derivatives and optimal policies need JAX: install the extra, pip install 'entrepot[jax]'."
    ) from missing

jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]

_BY_ECONOMY = (
    "welfare", "real_income", "real_wage", "wage", "employment", "prices", "revenue", "exports", "imports",
)  # fmt: skip
OUTCOMES: dict[str, tuple[str, ...]] = (
    dict.fromkeys(_BY_ECONOMY, ("economy",))
    | dict.fromkeys(("price", "cost", "output", "spending"), ("economy", "sector"))
    | dict.fromkeys(("flow", "trade_share"), FLOW)
)
"""What can be differentiated, and its dimensions: welfare to prices, price and cost are logs of hats; revenue,
exports, imports, output, spending and flow (before duties) are in USD; trade_share is of spending with duties."""

LEVERS = {
    "tariff": ("tariff", "tariff, a fraction of value"),
    "trade_cost": ("log_cost", "log of trade costs"),
    "productivity": ("log_productivity", "log of productivity"),
    "labour": ("log_labour", "log of the labour endowment"),
    "deficit": ("transfer", "USD of transfers received"),
}
"""What can be changed, by its name in `Shock`: the field of `Levers`, and its unit."""

ACCURACY = 1e-12
"""Relative residual that the linear solves aim at."""

ENOUGH = 1e-8
"""Relative residual at which a linear solve counts as done."""

# Half the compile time, at no cost that can be measured here: the arrays, not the code, are large.
_compiled = partial(jax.jit, static_argnums=0, compiler_options={"xla_llvm_disable_expensive_passes": True})


Which = tuple[Rules, tuple[str, ...]]
"""What a compiled function is made for: closures, and names of outcomes."""


class Fixed(NamedTuple):
    """What stays as it is in the base: parameters and large arrays."""

    parameters: Parameters
    trade_share: Array  # (S, N, N), sector, importer, exporter
    tariff: Array  # (S, N, N)
    input_coefficient: Array  # (N, S, S)
    income: Array  # (N,)


class Levers(NamedTuple):
    """What can be changed, in the model's layout; logs are of hats."""

    tariff: Array  # t', (S, N, N)
    log_cost: Array  # log d, (S, N, N)
    log_productivity: Array  # log A, (N, S)
    log_labour: Array  # log l, (N,)
    transfer: Array  # (N,)


def kernels(fixed: Fixed, x: Levers) -> DenseSums:
    """The sums of the model at some levers; see `engine.trade_kernel` for the equation."""
    p = fixed.parameters
    theta = p.elasticity[:, None, None]
    log_factor = jnp.log1p(x.tariff) - jnp.log1p(fixed.tariff)
    exponent = -theta * (p.tariff_exponent[None, :, None] * log_factor + x.log_cost)
    kernel = fixed.trade_share * jnp.exp(
        exponent + (p.elasticity[:, None] * x.log_productivity.T)[:, None, :]
    )
    return DenseSums(jnp, kernel, kernel / (1 + x.tariff), fixed.input_coefficient)


def evaluate(which: Which, fixed: Fixed, x: Levers, z: State) -> tuple[State, dict[str, Array]]:
    """Residual and some `OUTCOMES` (in the model's layout), under the rules, at some levers and a state."""
    rules, names = which
    p = fixed.parameters._replace(labour=jnp.exp(x.log_labour), transfer=x.transfer)
    sums = kernels(fixed, x)
    m = model.market(jnp, rules, p, sums, z)
    found = _outcomes_of(p, sums, z, m, fixed.income)
    return m.residual, {name: found[name] for name in names}


def _outcomes_of(p: Parameters, sums: DenseSums, z: State, m: Market, base_income: Array) -> dict[str, Array]:
    """All outcomes; those that nobody asks for are never computed, as the whole is compiled."""
    spending = p.size[:, None] * z.spending
    intensity = spending / m.denominator
    flow = sums.net_kernel * m.efficiency.T[:, None, :] * intensity.T[:, :, None]
    home = jnp.einsum("snn->ns", sums.net_kernel) * m.efficiency * intensity
    output = m.efficiency * jnp.einsum("sni,ns->is", sums.net_kernel, intensity)
    return {
        "welfare": jnp.log(model.welfare(jnp, p, z, m, base_income)),
        "real_income": jnp.log(m.income / base_income) - m.log_cpi,
        "real_wage": z.wage - m.log_cpi,
        "wage": z.wage,
        "employment": z.labour,
        "prices": m.log_cpi,
        "revenue": m.revenue,
        "exports": (output - home).sum(1),
        "imports": (m.purchases - home).sum(1),
        "price": m.log_price,
        "cost": z.cost,
        "output": output,
        "spending": spending,
        "flow": flow,
        "trade_share": sums.kernel * m.efficiency.T[:, None, :] / m.denominator.T[:, :, None],
    }


class Linearised:
    """A solution with the derivatives of its outcomes.

    Raises `NotConverged` where a linear solve fails, as it does at a fold of the equilibrium.
    """

    def __init__(self, solution: Solution) -> None:
        base = solution.base
        s, n = len(base.sectors), len(base.economies)
        flows = np.zeros((s, n, n))
        inputs = np.zeros((n, s, s)) if base.input_coefficient is None else base.input_coefficient
        self.solution, self.rules = solution, base.rules
        self.fixed = Fixed(
            base.parameters._replace(claim=solution.parameters.claim),
            base.trade_share,
            flows if base.tariff is None else base.tariff,
            inputs,
            base.income,
        )
        self.at = _levers(solution)
        self.z = solution.state
        self.inverse = base.approximate_inverse

    def outcomes(self, *names: str) -> dict[str, Float]:
        """Some outcomes (else all) at the solution, in the model's layout, as JAX computes them."""
        found = _evaluate((self.rules, names or tuple(OUTCOMES)), self.fixed, self.at, self.z)[1]
        return {k: np.asarray(v) for k, v in found.items()}

    def forward(self, direction: Levers, *names: str) -> tuple[State, dict[str, Float]]:
        """Derivatives of the state and of some outcomes (else all) along one direction of the levers."""
        which = self.rules, names or tuple(OUTCOMES)
        still = State(*(np.zeros_like(part) for part in self.z))
        right, direct = _forward(which, self.fixed, self.at, self.z, direction, still)
        dz = self._solve(right, transpose=False)
        _, through = _forward(which, self.fixed, self.at, self.z, _nothing(direction), dz)
        return dz, {k: np.asarray(direct[k]) + np.asarray(through[k]) for k in which[1]}

    def reverse(self, weights: Mapping[str, Float]) -> Levers:
        """Derivatives of the sum of weights . outcomes with respect to every lever; weights by outcome, in the
        model's layout.
        """
        return self.reverse_with_error(weights)[0]

    def reverse_with_error(self, weights: Mapping[str, Float]) -> tuple[Levers, float]:
        """As `reverse`, and what the weighted outcomes still lack, to first order, as the solution isn't exact.

        With the adjoint l the outcome at the exact solution is O(z) + l . F(z) but for squares of F.
        """
        which = self.rules, tuple(sorted(weights))
        nowhere = State(*(np.zeros_like(part) for part in self.z))
        by_lever, by_state = _reverse(which, self.fixed, self.at, self.z, nowhere, dict(weights))
        adjoint = self._solve(by_state, transpose=True)
        none = {name: np.zeros_like(weight) for name, weight in weights.items()}
        through, _ = _reverse(which, self.fixed, self.at, self.z, adjoint, none)
        error = sum(float(np.vdot(a, b)) for a, b in zip(adjoint, self.solution.market.residual, strict=True))
        return Levers(*(np.asarray(a) + np.asarray(b) for a, b in zip(by_lever, through, strict=True))), error

    def _solve(self, right: State, *, transpose: bool) -> State:
        """Solve F_z v = -right, or F_z' v = -right, preconditioned by the solver's own approximate inverse."""
        v, miss = self._gmres(right, transpose=transpose)
        if not miss < ENOUGH:
            # Far from the base its inverse is a poor guide: take one of this place.
            s = self.solution
            here = s.parameters._replace(spending=s.spending(), wage_income=s.wage_income())
            self.inverse = preconditioner(here, s.trade_share(), s.base.input_coefficient)
            v, miss = self._gmres(right, transpose=transpose)
        if not miss < ENOUGH:
            raise NotConverged(
                f"{self.solution.base.name}: the linear system of the derivatives is solved to {miss:.3g} only; "
                "the equilibrium may be about to vanish here (a fold). Try smaller changes."
            )
        return v

    def _gmres(self, right: State, *, transpose: bool) -> tuple[State, float]:
        """The solution of `_solve`, and the norm by which it misses, relative to the right side's."""
        z, s = self.z, self.solution
        apply = step_transposed if transpose else step
        product = _adjoint_state if transpose else _along_state
        p, g = s.parameters, self.fixed.input_coefficient
        net = s.kernel if s.tariff is None else s.kernel / (1 + s.tariff)
        arrays = jax.device_put((p, s.kernel, net, g, z))

        def jacobian(v: Float) -> Float:
            return _flat(product(self.rules, *arrays, _unflat(v, z)))

        def inverse(v: Float) -> Float:
            # The solver steps by z + P r, so that P approximates minus the inverse of F_z.
            return -_flat(apply(self.inverse, z, _unflat(v, z)))

        size = sum(part.size for part in z)
        operators = [LinearOperator((size, size), matvec=f, dtype=np.float64) for f in (jacobian, inverse)]
        b = -_flat(right)
        scale = float(np.linalg.norm(b)) or 1.0
        found, _ = gmres(
            operators[0], b / scale, M=operators[1], rtol=ACCURACY, atol=0.0, restart=80, maxiter=4
        )
        return _unflat(found * scale, z), float(np.linalg.norm(jacobian(found) - b / scale))


def gradient(
    solution: Solution,
    outcome: str,
    economy: str | None = None,
    *,
    sector: str | None = None,
    exporter: str | None = None,
    importer: str | None = None,
    lever: str = "tariff",
) -> xr.DataArray:
    """Derivative of one number to every value of a lever: all tariffs (exporter, importer, sector) by default.

    `outcome` is one of `OUTCOMES`, at the labels of its dimensions: `gradient(s, "welfare", "USA")`,
    `gradient(s, "output", "VNM", sector="ELC")`, `gradient(s, "flow", exporter="VNM", importer="USA",
    sector="ELC")`; `lever` is one of `LEVERS`. Reverse mode: one linear solve however many tariffs.

    Raises `OptionError` for other names or labels.
    """
    base = solution.base
    for what, name, known in (("outcome", outcome, list(OUTCOMES)), ("lever", lever, list(LEVERS))):
        if name not in known:
            raise OptionError(f"{what} {name!r}: give one of {', '.join(known)}.")
    dims = OUTCOMES[outcome]
    given = {"economy": economy, "sector": sector, "exporter": exporter, "importer": importer}
    named = {dim: label for dim, label in given.items() if label is not None}
    if set(named) != set(dims):
        raise OptionError(f"outcome {outcome} is by {', '.join(dims)}: give these, and only these.")
    there = labels(base, dims)
    for dim, label in named.items():
        if label not in there[dim]:
            raise OptionError(f"{dim} {label!r}: {base.name} has {', '.join(there[dim])}.")
    weight = np.zeros([len(there[dim]) for dim in dims])
    weight[tuple(there[dim].index(named[dim]) for dim in dims)] = 1.0
    field, unit = LEVERS[lever]
    by_lever = Linearised(solution).reverse({outcome: _public(weight)})
    values = _public(np.asarray(getattr(by_lever, field)))
    out = labelled(base, values, DIMS[lever], f"per unit of {unit}")
    return out.rename("_".join(["d", outcome, *(named[dim] for dim in dims)]))


def response(solution: Solution, direction: Shock | xr.DataArray) -> xr.Dataset:
    """Derivatives of all outcomes along a direction: of tariffs (exporter, importer[, sector]), or of anything
    that a `Shock` holds, there as changes per unit (of logs for trade costs, productivity and labour).

    Forward mode: one linear solve for all outcomes. Raises `ShockError` for labels that are missing or unknown.
    """
    base = solution.base
    if isinstance(direction, xr.DataArray):
        direction = Shock(tariff=direction)
    moved = {
        LEVERS[name][0]: _public(values)
        for name, values in laid_out(base, direction).items()
        if values is not None
    }
    _, found = Linearised(solution).forward(_nothing(_levers(solution))._replace(**moved))
    return xr.Dataset(
        {
            name: labelled(base, _public(values), OUTCOMES[name], "per unit of the direction")
            for name, values in found.items()
        }
    )


def _public(values: Float) -> Float:
    """Flows from the model's layout (sector, importer, exporter) to the public one, or back; others as they are."""
    return np.ascontiguousarray(values.transpose(2, 1, 0)) if values.ndim == 3 else values


def _levers(s: Solution) -> Levers:
    """The levers as they stand at a solution: its kernel over the base's share, less what tariffs explain."""
    base, p = s.base, s.parameters
    n, sectors = len(base.economies), len(base.sectors)
    zero = np.zeros((sectors, n, n))
    tariff = zero if s.tariff is None else s.tariff
    old = zero if base.tariff is None else base.tariff
    theta = p.elasticity[:, None, None]
    ratio = np.divide(s.kernel, base.trade_share, out=np.ones_like(zero), where=s.kernel > 0)
    by_tariff = p.tariff_exponent[None, :, None] * (np.log1p(tariff) - np.log1p(old))
    # Costs and productivity are told apart by nobody: the rest of the kernel counts as costs.
    cost = np.where(s.kernel > 0, -np.log(ratio) / theta - by_tariff, 0.0)
    return Levers(tariff, cost, np.zeros((n, sectors)), np.log(p.labour), p.transfer)


def _nothing(x: Levers) -> Levers:
    return Levers(*(np.zeros_like(part) for part in x))


_evaluate = _compiled(evaluate)


@_compiled
def _forward(which: Which, fixed: Fixed, x: Levers, z: State, dx: Levers, dz: State) -> Any:
    """Residual and outcomes along a direction of levers and state."""
    return jax.jvp(partial(evaluate, which, fixed), (x, z), (dx, dz))[1]


@_compiled
def _reverse(
    which: Which, fixed: Fixed, x: Levers, z: State, residual: State, weights: dict[str, Array]
) -> Any:
    """Weights on residual and outcomes, pulled back to levers and state."""
    return jax.vjp(partial(evaluate, which, fixed), x, z)[1]((residual, weights))


def _at_kernel(rules: Rules, p: Parameters, kernel: Array, net: Array, g: Array, z: State) -> State:
    return model.market(jnp, rules, p, DenseSums(jnp, kernel, net, g), z).residual


@_compiled
def _along_state(rules: Rules, p: Parameters, kernel: Array, net: Array, g: Array, z: State, v: State) -> Any:
    return jax.jvp(partial(_at_kernel, rules, p, kernel, net, g), (z,), (v,))[1]


@_compiled
def _adjoint_state(
    rules: Rules, p: Parameters, kernel: Array, net: Array, g: Array, z: State, v: State
) -> Any:
    return jax.vjp(partial(_at_kernel, rules, p, kernel, net, g), z)[1](v)[0]


def _flat(z: State) -> Float:
    return np.concatenate([np.ravel(np.asarray(part)) for part in z])


def _unflat(v: Float, like: State) -> State:
    ends = np.cumsum([part.size for part in like])
    return State(*(a.reshape(part.shape) for a, part in zip(np.split(v, ends[:-1]), like, strict=True)))
