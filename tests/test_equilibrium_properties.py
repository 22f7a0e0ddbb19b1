"""What must hold on any world: nothing changes without cause, markets clear, budgets hold, units don't matter."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from entrepot.equilibrium import Options, Shock, ready, solve
from entrepot.errors import EntrepotError, NotConverged, OptionError, ShockError, WorldError
from entrepot.world import World, dataset

RICH = {
    "elasticity": 4.0,
    "labour_supply": 0.5,
    "scale": 0.1,
    "foreign_share": 0.1,
    "revenue": "tax_relief",
}
seeds = st.integers(0, 10_000)
few = settings(max_examples=10, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))


def tariffs(world: World, seed: int, highest: float = 0.6) -> xr.DataArray:
    rate = np.random.default_rng(seed).uniform(0, highest, world.tariff.shape)
    n = len(world.economies)
    rate[np.arange(n), np.arange(n)] = 0
    return world.tariff.copy(data=rate)


def with_inputs(seed: int, n: int = 3, s: int = 2) -> World:
    """A closed world with duties and input-output links in which most is bought at home."""
    rng = np.random.default_rng(seed)
    a = rng.dirichlet(np.ones(s + 1) + np.eye(s + 1)[s], (n, s)).transpose(0, 2, 1)[:, :s]
    share = 0.3 * rng.dirichlet(np.ones(n), (n, s)).transpose(2, 0, 1) + 0.7 * np.eye(n)[:, :, None]
    tariff = rng.uniform(0, 0.4, (n, n, s)) * (1 - np.eye(n))[:, :, None]
    origin = share / (1 + tariff)
    technology = np.einsum("ijs,jsk->isjk", origin, a).reshape(n * s, n * s)
    spent = rng.lognormal(2, 0.3, (n, s))
    final = np.einsum("ijs,js->is", origin, spent).ravel()
    x = np.linalg.solve(np.eye(n * s) - technology, final).reshape(n, s)
    return World(
        dataset(
            [f"E{i}" for i in range(n)],
            [f"S{k}" for k in range(s)],
            {
                "flow": origin * (spent + np.einsum("jsk,jk->js", a, x))[None],
                "tariff": tariff,
                "input_coefficient": a,
                "value_added_share": 1 - a.sum(axis=1),
                "final_share": spent / spent.sum(axis=1, keepdims=True),
            },
            name=f"linked {seed}",
        )
    )


def without_inputs(seed: int, n: int = 4, s: int = 2, *, tariff: bool = False) -> World:
    """A closed world without input-output links, and trade that balances nobody."""
    rng = np.random.default_rng(seed)
    flow = rng.lognormal(0, 1, (n, n, s)) + 10 * np.eye(n)[:, :, None]
    rate = rng.uniform(0, 0.3, (n, n, s)) * (1 - np.eye(n))[:, :, None] if tariff else np.zeros((n, n, s))
    spending = ((1 + rate) * flow).sum(axis=0)
    return World(
        dataset(
            [f"E{i}" for i in range(n)],
            [f"S{k}" for k in range(s)],
            {
                "flow": flow,
                "tariff": rate,
                "value_added_share": np.ones((n, s)),
                "final_share": spending / spending.sum(axis=1, keepdims=True),
            },
            name=f"plain {seed}",
        )
    )


@few
@given(seeds, st.sampled_from([{"elasticity": 4.0}, RICH]))
def test_no_shock_changes_nothing(seed: int, options: dict) -> None:
    result = solve(with_inputs(seed), None, **options)
    for name in ("welfare_pct", "real_wage_pct", "prices_pct", "employment_pct", "wage_pct"):
        assert np.abs(result[name].values).max() <= 1e-10  # percent: 1e-12
    np.testing.assert_allclose(result["flow"], result["flow_base"], rtol=1e-12, atol=1e-12)


@few
@given(seeds, st.sampled_from([{"elasticity": 4.0}, RICH | {"foreign_share": 0.0}]))
def test_world_markets_clear_and_budgets_hold(seed: int, options: dict) -> None:
    world = with_inputs(seed, 4, 3)
    r = solve(world, tariffs(world, seed), **options)
    flow = r["flow"].values
    revenue = (r["tariff"].values * flow).sum(axis=(0, 2))
    np.testing.assert_allclose(revenue, r["revenue"], rtol=1e-9)
    output = flow.sum(axis=1)
    np.testing.assert_allclose(output, r["output"], rtol=1e-10)
    wages = (world.value_added_share.values * output).sum(axis=1)
    np.testing.assert_allclose(wages, r["wage_income"], rtol=1e-9)
    spent = (flow * (1 + r["tariff"].values)).sum(axis=0)
    use = np.einsum("nsk,nk->ns", world.input_coefficient.values, output)
    np.testing.assert_allclose(spent, world.final_share.values * r["income"].values[:, None] + use, rtol=1e-8)
    np.testing.assert_allclose(r["income"], wages + revenue + r["deficit"].values, rtol=1e-9)
    assert abs(float(r["deficit"].sum())) < 1e-9 * float(r["income"].sum())
    np.testing.assert_allclose(r["trade_share"].sum("exporter"), 1, rtol=1e-12)
    np.testing.assert_allclose(r["trade_diversion"].sum("exporter"), 0, atol=1e-9 * float(r["output"].sum()))


@few
@given(seeds)
def test_units_of_money_and_the_numeraire_do_not_matter(seed: int) -> None:
    world = with_inputs(seed)
    shock = tariffs(world, seed)
    options = RICH | {"tolerance": 1e-12}
    once = solve(world, shock, **options)
    larger = solve(world.with_variables(flow=1e6 * world.flow.values), shock, **options)
    for name in ("welfare_pct", "real_wage_pct", "employment_pct", "exports_gdp_pct"):
        np.testing.assert_allclose(larger[name], once[name], rtol=1e-7, atol=1e-9)
        for numeraire in ("wages", "prices", "E1"):
            other = solve(world, shock, numeraire=numeraire, flows=False, **options)
            np.testing.assert_allclose(other[name], once[name], rtol=1e-7, atol=1e-8)


@few
@given(seeds, st.floats(0.5, 9.0))
def test_one_sector_without_tariffs_gains_follow_the_home_share(seed: int, theta: float) -> None:
    """Arkolakis, Costinot and Rodriguez-Clare (2012): W_hat = home share hat ^ (-1/theta), trade balanced."""
    rng = np.random.default_rng(seed)
    n = 4
    flow = rng.lognormal(0, 0.5, (n, n)) + 8 * np.eye(n)
    flow = flow + flow.T  # symmetric flows balance everyone
    one = np.ones((n, 1))
    world = World(
        dataset(
            [f"E{i}" for i in range(n)],
            ["S"],
            {"flow": flow[:, :, None], "value_added_share": one, "final_share": one},
            name="acr",
        )
    )
    cost = rng.uniform(0.8, 1.6, (n, n))
    np.fill_diagonal(cost, 1)
    codes = list(world.economies)
    costs = xr.DataArray(cost, coords={"exporter": codes, "importer": codes}, dims=["exporter", "importer"])
    r = solve(world, Shock(trade_cost=costs), elasticity=theta, tolerance=1e-12)
    home = np.einsum("nns->ns", r["trade_share"].values) / np.einsum("nns->ns", r["trade_share_base"].values)
    np.testing.assert_allclose(1 + r["welfare_pct"] / 100, home[:, 0] ** (-1 / theta), rtol=1e-9)


@few
@given(seeds)
def test_splitting_a_sector_into_identical_halves_changes_nothing(seed: int) -> None:
    world = without_inputs(seed, tariff=True)
    flow, rate = np.repeat(world.flow.values / 2, 2, axis=2), np.repeat(world.tariff.values, 2, axis=2)
    share = np.repeat(world.final_share.values / 2, 2, axis=1)
    sectors = [f"{s}{half}" for s in world.sectors for half in "ab"]
    split = World(
        dataset(
            list(world.economies),
            sectors,
            {"flow": flow, "tariff": rate, "value_added_share": np.ones_like(share), "final_share": share},
            name="split",
        )
    )
    shock = tariffs(world, seed)
    whole = solve(world, shock, elasticity=[3.0, 6.0])
    halves = solve(
        split, split.tariff.copy(data=np.repeat(shock.values, 2, axis=2)), elasticity=[3.0, 3.0, 6.0, 6.0]
    )
    for name in ("welfare_pct", "prices_pct", "wage_pct"):
        np.testing.assert_allclose(halves[name], whole[name], atol=1e-7)


def test_the_solvers_agree() -> None:
    world = with_inputs(3, 4, 3)
    shock = tariffs(world, 3)
    a, b = (solve(world, shock, solver=s, **RICH) for s in ("anderson", "newton"))
    assert (a.attrs["method"], b.attrs["method"]) == ("anderson", "newton")
    np.testing.assert_allclose(a["welfare_pct"], b["welfare_pct"], atol=1e-7)


def test_who_trades_with_nobody_changes_nothing_for_others() -> None:
    world = without_inputs(8, 5, 2)
    flow = world.flow.values.copy()
    for alone in (1, 4):
        at_home = flow[alone, alone].copy()
        flow[alone] = flow[:, alone] = 0
        flow[alone, alone] = at_home
    spending = flow.sum(axis=0)
    world = world.with_variables(flow=flow, final_share=spending / spending.sum(axis=1, keepdims=True))
    shock = tariffs(world, 8)
    # Transfers that grow with world income would know of them; balanced trade doesn't.
    with_them = solve(world, shock, elasticity=4.0, deficits="balanced")
    np.testing.assert_allclose(with_them["welfare_pct"].sel(economy=["E1", "E4"]), 0, atol=1e-9)
    others = ["E0", "E2", "E3"]
    at = [0, 2, 3]
    rest = World(
        dataset(
            others,
            list(world.sectors),
            {
                "flow": flow[np.ix_(at, at)],
                "value_added_share": np.ones((3, 2)),
                "final_share": world.final_share.values[at],
            },
            name="the rest",
        )
    )
    alone = solve(rest, shock.sel(exporter=others, importer=others), elasticity=4.0, deficits="balanced")
    np.testing.assert_allclose(with_them["welfare_pct"].sel(economy=others), alone["welfare_pct"], atol=1e-7)


def test_zero_flows_sectors_that_are_not_traded_and_prohibitive_rates() -> None:
    world = without_inputs(5, 5, 3)
    flow = world.flow.values.copy()
    n = len(world.economies)
    flow[:, :, 2] *= np.eye(n)  # sector 2 is not traded
    flow[0, 1:, 0] = 0  # E0 exports nothing in sector 0
    flow[1, 1, 1] = 0  # E1 sells none of sector 1 at home
    flow[:, 3, 1] = 0  # nobody sells sector 1 to E3, not even itself
    spending = flow.sum(axis=0)
    world = world.with_variables(flow=flow, final_share=spending / spending.sum(axis=1, keepdims=True))
    for rate in (1.45, 5.0, 50.0):
        shock = world.tariff.copy(data=rate * (1 - np.eye(n))[:, :, None] * np.ones((1, 1, 3)))
        r = solve(world, shock, elasticity=4.0, deficits="balanced")
        assert np.isfinite(r["welfare_pct"].values).all()
        assert r.attrs["residual"] <= 1e-10
        for zero in (r["flow"].values[0, 1:, 0], r["flow"].values[:, 3, 1], r["spending"].values[3, 1]):
            assert np.all(zero == 0)


def test_the_37_by_23_world_every_economy_of_every_scenario(shared) -> None:
    from entrepot.world.folders import read_world_2017  # noqa: PLC0415

    base = ready(read_world_2017(shared / "world-2017-37x23" / "world-revised.npz"))
    assert base.solved
    us, china = base.economies.index("USA"), base.economies.index("CHN")
    old = base.tariff.transpose(2, 1, 0)
    dims = ("exporter", "importer", "sector")
    labels = {
        "exporter": list(base.economies),
        "importer": list(base.economies),
        "sector": list(base.sectors),
    }

    def of_us(raise_by: float, on: slice | int, goods: slice = slice(0, 10)) -> xr.DataArray:
        rate = old.copy()
        rate[on, us, goods] += raise_by
        rate[us, us] = 0
        return xr.DataArray(rate, coords=labels, dims=dims)

    for shock in (
        of_us(0.1, china),
        of_us(0.54, china),
        of_us(0.1, slice(None)),
        of_us(1.45, china),
        of_us(5.0, slice(None)),
    ):
        r = solve(base, shock, flows=False)
        assert r.attrs["residual"] <= 1e-10
        assert all(np.isfinite(r[v].values).all() for v in ("welfare_pct", "real_wage_pct", "prices_pct"))
    r = solve(base, of_us(0.1, china), flows=False)
    found = r["real_wage_pct"].sel(economy=["USA", "CHN", "VNM", "MEX"]).values
    np.testing.assert_allclose(found, [-0.10, -0.11, 0.03, 0.05], atol=0.006)


def test_a_deficit_that_is_given_holds_along_the_path_too() -> None:
    world = with_inputs(3, 4, 3)
    deficit = xr.DataArray([1.0, -1, 0.5, -0.5], coords={"economy": list(world.economies)}, dims=["economy"])
    shock = Shock(tariff=tariffs(world, 3, 2.0), deficit=deficit)
    options = {"elasticity": 4.0, "deficits": "balanced"}
    at_once, along = (solve(world, shock, most_steps=steps, **options) for steps in (400, 14))
    assert (at_once.attrs["method"], along.attrs["method"]) == ("anderson", "path")
    np.testing.assert_allclose(at_once["welfare_pct"], along["welfare_pct"], atol=1e-6)


def test_balancing_is_part_of_the_change_where_the_base_is_solved_first_too() -> None:
    world = with_inputs(3, 4, 3)
    given, first = (
        solve(world, None, elasticity=4.0, deficits="balanced", base=b) for b in ("observed", "solved")
    )
    assert abs(given["welfare_pct"]).max() > 0.1
    np.testing.assert_allclose(given["welfare_pct"], first["welfare_pct"], atol=1e-7)


def test_a_change_without_equilibrium_names_the_reason() -> None:
    """A surplus fixed as a share of world income can't be earned once nobody trades."""
    world = without_inputs(1)
    n = len(world.economies)
    flow = world.flow.values.copy()
    flow[0, 1:] *= 12  # E0 exports far more than it imports
    spending = flow.sum(axis=0)
    world = world.with_variables(flow=flow, final_share=spending / spending.sum(axis=1, keepdims=True))
    shock = world.tariff.copy(data=19.0 * (1 - np.eye(n))[:, :, None] * np.ones((1, 1, 2)))
    with pytest.raises(NotConverged, match=r"E0.*surplus|surplus.*E0"):
        solve(world, shock, elasticity=8.0)


def bad_inputs() -> list[tuple[str, dict, type[EntrepotError], str]]:
    world = without_inputs(0)
    codes = list(world.economies)
    low = world.tariff.copy()
    low = low.copy(
        data=np.where(np.arange(4)[:, None, None] == 1, -1.2, 0.0) * (1 - np.eye(4))[:, :, None] * np.ones(2)
    )
    gap = low.copy(data=np.where(low.values < 0, np.nan, 0.0))
    deficit = xr.DataArray([9e9, -9e9, 0, 0], coords={"economy": codes}, dims=["economy"])
    one_sided = xr.DataArray([1.0, 0, 0, 0], coords={"economy": codes}, dims=["economy"])
    doubled = xr.concat([world.tariff, world.tariff.isel(exporter=[0])], dim="exporter")
    theta = {"elasticity": 4.0}
    return [
        ("below -100 %", {"shock": low, **theta}, ShockError, "-120 %.*E1"),
        ("a gap", {"shock": gap, **theta}, ShockError, "nan.*unknown is not zero"),
        ("a missing economy", {"shock": world.tariff[1:], **theta}, ShockError, "E0 is missing"),
        ("an economy twice", {"shock": doubled, **theta}, ShockError, "E0 stands twice"),
        ("a deficit above income", {"shock": Shock(deficit=deficit), **theta}, ShockError, "larger than"),
        ("deficits that don't sum to zero", {"shock": Shock(deficit=one_sided), **theta}, ShockError, "sum to zero"),
        ("elasticity zero", {"shock": None, "elasticity": 0.0}, OptionError, "elasticity: 0"),
        ("elasticity negative", {"shock": None, "elasticity": [4.0, -1.0]}, OptionError, "-1 for sector S1"),
        ("an unknown set", {"shock": None, "elasticity": "nobody-1999"}, OptionError, "caliendo-parro-2015"),
        ("an unknown option", {"shock": None, **theta, "kappa": 1}, OptionError, "kappa"),
        ("a bad option", {"shock": None, **theta, "deficits": "none"}, OptionError, "world_share"),
        ("a word for a number", {"shock": None, **theta, "labour_supply": "half"}, OptionError, "'half'"),
        ("a word among numbers", {"shock": None, "elasticity": {"S0": "x", "*": 3}}, OptionError, "S0 has 'x'"),
        ("true for a number", {"shock": None, "elasticity": True}, OptionError, "True"),
        ("steps in words", {"shock": None, **theta, "most_steps": "a"}, OptionError, "most_steps"),
        ("a loose tolerance", {"shock": None, **theta, "tolerance": 1}, OptionError, "at most 0.0001"),
        ("an unknown claimant", {"shock": None, **theta, "residual_claimant": "XXX"}, OptionError, "XXX"),
        ("zero deficits as observed", {"shock": None, **theta, "deficits": "zero", "base": "observed"}, OptionError,
         "base = solved"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "given", "error", "words"), bad_inputs(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_bad_input_is_refused_before_any_iteration(
    what: str, given: dict, error: type[EntrepotError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from entrepot.equilibrium import iterate  # noqa: PLC0415

    def never(*_: object, **__: object) -> None:
        raise AssertionError(f"iterated on {what}")

    monkeypatch.setattr(iterate, "anderson", never)
    monkeypatch.setattr(iterate, "newton_krylov", never)
    with pytest.raises(error, match=words):
        solve(without_inputs(0), **given)


def test_a_world_that_does_not_balance_is_refused() -> None:
    world = with_inputs(2)
    flow = world.flow.values.copy()
    flow[0, 0] *= 3
    with pytest.raises(WorldError):
        solve(world.with_variables(flow=flow), None, elasticity=4.0)


def test_options_are_checked_by_economy() -> None:
    with pytest.raises(OptionError, match=r"foreign_share.*E9"):
        solve(without_inputs(0), None, elasticity=4.0, foreign_share={"E9": 0.1, "*": 0})
    with pytest.raises(OptionError, match="below 1"):
        solve(without_inputs(0), None, Options(elasticity=4.0, foreign_share=1.5))
