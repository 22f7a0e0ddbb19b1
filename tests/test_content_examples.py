"""Content against numbers that others published or that a reader can work out with a pencil."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from entrepot.content import KWW_TERMS, decompose, koopman_wang_wei, participation, position, system, trace
from entrepot.content.leontief import leontief_inverse
from entrepot.world import World, dataset


def table(
    economies: list[str], sectors: list[str], inter: list[list[float]], final: list[list[float]]
) -> World:
    n, s = len(economies), len(sectors)
    Z, F = np.array(inter, dtype=float), np.array(final, dtype=float)
    added = Z.sum(axis=1) + F.sum(axis=1) - Z.sum(axis=0)
    return World(
        dataset(
            economies,
            sectors,
            {
                "intermediate": Z.reshape(n, s, n, s),
                "final": F.reshape(n, s, n),
                "value_added": added.reshape(n, s),
            },
            name="example",
        )
    )


@pytest.fixture(scope="module")
def chain() -> World:
    """A makes parts, B assembles, C buys; some of B's goods go back into A's parts. Every output is 100.

    Inputs per output: A to B 0.4, B to A 0.2, B to C 0.3; value added 0.8, 0.6, 0.7. The inverse has the
    determinant 0.92 = 1 - 0.4 x 0.2, so that every number below is a fraction of 23.
    """
    return table(
        ["AAA", "BBB", "CCC"],
        ["GOODS"],
        [[0, 40, 0], [20, 0, 30], [0, 0, 0]],
        [[50, 0, 10], [0, 30, 20], [10, 0, 90]],
    )


def test_the_chain_by_hand_content(chain: World) -> None:
    share = trace(chain)["content_share"].sel(sector="GOODS")
    expected = [[20 / 23, 8 / 23, 2.4 / 23], [3 / 23, 15 / 23, 4.5 / 23], [0, 0, 0.7]]
    assert_allclose(share, expected, atol=1e-15)
    bought = trace(chain, tiers=1)["content_share"].sel(sector="GOODS")
    assert_allclose(bought, [[0.8, 0.4, 0], [0.2, 0.6, 0.3], [0, 0, 0.7]], atol=1e-15)
    deeper = trace(chain, tiers=2)["content_share"].sel(sector="GOODS")
    assert_allclose(
        deeper.sel(origin="AAA", exporter="CCC"), 0.12, atol=1e-15
    )  # A's parts in B's goods in C's


BY_HAND = {  # exports by source: AAA, BBB, CCC; USD
    "gross_exports": (50, 70, 10),
    "domestic_value_added": (40, 42, 7),
    "domestic_double_counted": (80 / 23, 84 / 23, 0),
    "foreign_value_added": (6, 22.4, 3),
    "foreign_double_counted": (12 / 23, 44.8 / 23, 0),
    "returned": (104 / 23, 36 / 23, 0),
    "absorbed_abroad": (816 / 23, 930 / 23, 7),
    "directly_absorbed": (17.6, 34.2, 7),
}


@pytest.mark.parametrize("term", BY_HAND)
def test_the_chain_by_hand_borin_mancini(chain: World, term: str) -> None:
    assert_allclose(decompose(chain)[term].sum(["sector", "importer"]), BY_HAND[term], atol=1e-12)


def test_the_chain_by_hand_bilateral(chain: World) -> None:
    terms = decompose(chain).sel(sector="GOODS", exporter="AAA")
    assert_allclose(terms["domestic_value_added"], [0, 32, 8], atol=1e-12)
    assert_allclose(terms["returned"], [0, 104 / 23, 0], atol=1e-12)
    assert_allclose(terms["directly_absorbed"], [0, 9.6, 8], atol=1e-12)


def test_the_chain_by_hand_koopman_wang_wei(chain: World) -> None:
    terms = koopman_wang_wei(chain).sel(exporter="AAA")
    expected = [200 / 23, 456 / 23, 160 / 23, 24 / 23, 80 / 23, 80 / 23, 30 / 23, 36 / 23, 84 / 23]
    assert_allclose([float(terms[name]) for name in KWW_TERMS], expected, atol=1e-12)


def test_the_chain_by_hand_position_and_participation(chain: World) -> None:
    place = position(chain).sel(sector="GOODS")
    assert_allclose(place["upstreamness"], [1.52 / 0.92, 1.5 / 0.92, 1], rtol=1e-14)
    assert_allclose(place["downstreamness"], [1.2 / 0.92, 1.4 / 0.92, 1 + 0.42 / 0.92], rtol=1e-14)
    part = participation(chain).sel(exporter="AAA")
    assert_allclose(part["backward"], 3 / 23, rtol=1e-13)
    assert_allclose(part["forward"], 584 / 1150, rtol=1e-13)
    assert_allclose(part["gvc"], 1 - 17.6 / 50, rtol=1e-13)


# The "leather" example of the R package decompr (Quast and Kummritz 2015), with the results its authors gave
# on 6 January 2015: Argentina, Turkey, Germany x agriculture, textile and leather, transport equipment.
INTER = [
    [16.1, 5.1, 1.8, 3.2, 4.3, 0.4, 3.1, 2.8, 4.9],
    [2.4, 8.0, 3.2, 0.1, 3.2, 1.6, 1.2, 3.9, 11.5],
    [0.9, 0.5, 4.0, 0.0, 0.1, 0.3, 0.0, 0.4, 0.5],
    [1.1, 1.9, 0.2, 18.0, 13.2, 6.1, 9.0, 3.1, 8.9],
    [0.3, 2.8, 0.1, 6.1, 28.1, 6.3, 2.1, 2.5, 25.6],
    [0.0, 0.1, 0.3, 4.1, 3.2, 8.9, 0.2, 0.0, 1.8],
    [1.2, 4.2, 0.3, 4.1, 1.2, 0.6, 29.0, 19.5, 17.9],
    [1.3, 1.1, 0.0, 3.2, 4.8, 2.6, 5.1, 29.1, 24.1],
    [2.1, 1.4, 3.0, 4.1, 3.1, 3.9, 11.3, 8.1, 51.3],
]
FINAL = [
    [21.5, 6.1, 8.4],
    [16.2, 1.9, 5.1],
    [11.0, 0.5, 0.8],
    [7.5, 29.5, 14.2],
    [8.9, 24.9, 16.9],
    [1.2, 18.5, 4.9],
    [9.2, 17.9, 51.2],
    [7.9, 10.1, 38.5],
    [25.1, 35.2, 68.4],
]
PUBLISHED_CONTENT = {  # value added of an origin's three sectors in exports of (economy, sector), added up
    ("ARG", "AGR", "DEU"): 1.2364172 + 0.5937041 + 0.0231846,
    ("ARG", "TRE", "DEU"): 4.1208736 + 4.7490351 + 0.1932621,
    ("TUR", "TRE", "DEU"): 6.1806254 + 9.5069032 + 0.6464733,
    ("DEU", "TRE", "DEU"): 9.6006931 + 8.1583150 + 34.7438192,
    ("DEU", "AGR", "ARG"): 0.92530356 + 0.64666560 + 0.66638333,
    ("ARG", "TEX", "TUR"): 3.1173841 + 1.8329024 + 0.0790545,
}
# Sums over sectors of the published sub-totals, by the mapping of Wang, Wei and Zhu (2013), table E2.
PUBLISHED_KWW = {
    "dva_final": (
        13.0130022 + 5.4174515 + 0.9189510,
        18.1694090 + 20.9512373 + 4.2739675,
        23.1560514 + 14.9341290 + 40.6408278,
    ),
    "dva_intermediate": (
        7.7869640 + 1.54935955 + 8.0558948 + 1.05937911 + 0.4656839 + 0.05391133,
        10.3066170 + 0.86835031 + 13.0529806 + 1.08881214 + 0.8327955 + 0.05722090,
        4.0802941 + 0.39863671 + 4.4784463 + 0.30929378 + 5.6435788 + 0.32942045,
    ),
    "dva_to_third": (
        3.48153856 + 0.689074047 + 3.55947452 + 0.475450753 + 0.18168696 + 0.024265939,
        2.78690374 + 0.232032845 + 4.20211286 + 0.268355245 + 0.23693884 + 0.013709897,
        0.75723948 + 0.076311301 + 0.93919242 + 0.051154728 + 0.86717168 + 0.057394046,
    ),
    "returned_final": (
        2.11195132 + 0.431602581 + 2.31640701 + 0.273611074 + 0.11214239 + 0.013786703,
        3.91302425 + 0.240219299 + 5.71131537 + 0.275100223 + 0.32259360 + 0.013542308,
        1.54383794 + 0.161668766 + 1.95878218 + 0.104223370 + 1.80146580 + 0.119691243,
    ),
    "returned_intermediate": (
        0.409964582 + 0.396856764 + 0.019151040,
        0.847960135 + 1.101245417 + 0.058372562,
        1.557699850 + 1.531880280 + 1.344011469,
    ),
    "fva_final": (
        0.70636664 + 0.78063119 + 0.74541044 + 0.83713807 + 0.17648311 + 0.20456591,
        1.56001837 + 1.97057264 + 2.35227588 + 2.49648684 + 0.72044567 + 1.10558686,
        1.75553973 + 2.18840885 + 1.52522593 + 1.54064502 + 9.35824209 + 10.30093006,
    ),
    "fva_intermediate": (
        0.39055596 + 0.47566461 + 1.07468254 + 1.25143467 + 0.08714872 + 0.10913009,
        0.70077744 + 1.28410412 + 1.38128298 + 1.62288228 + 0.14900931 + 0.22164167,
        0.34410636 + 0.34548741 + 0.44590645 + 0.47022558 + 1.36272675 + 1.48657167,
    ),
}


@pytest.fixture(scope="module")
def leather() -> World:
    return table(["ARG", "TUR", "DEU"], ["AGR", "TEX", "TRE"], INTER, FINAL)


@pytest.mark.parametrize(("origin", "sector", "exporter"), PUBLISHED_CONTENT)
def test_leather_value_added_origins(leather: World, origin: str, sector: str, exporter: str) -> None:
    traced = trace(leather).sel(exporter=exporter, sector=sector)
    value = traced["content_share"].sel(origin=origin) * traced["exports"].sum("importer")
    assert_allclose(value, PUBLISHED_CONTENT[origin, sector, exporter], atol=2e-7)


@pytest.mark.parametrize("term", PUBLISHED_KWW)
def test_leather_koopman_wang_wei(leather: World, term: str) -> None:
    assert_allclose(koopman_wang_wei(leather)[term], PUBLISHED_KWW[term], atol=2e-6)


def test_leather_domestic_value_added_is_the_sum_of_the_first_five(leather: World) -> None:
    first = ("dva_final", "dva_intermediate", "dva_to_third", "returned_final", "returned_intermediate")
    parts = decompose(leather)["domestic_value_added"].sum(["sector", "importer"])
    assert_allclose(parts, np.sum([PUBLISHED_KWW[t] for t in first], axis=0), atol=2e-6)


def test_pymrio_finds_the_same_inverse_multipliers_and_footprint(leather: World) -> None:
    pd = pytest.importorskip("pandas")
    pymrio = pytest.importorskip("pymrio")
    of = system(leather)
    rows = pd.MultiIndex.from_product([of.economies, of.sectors], names=["region", "sector"])
    Z = pd.DataFrame(np.array(INTER), index=rows, columns=rows)
    x = pymrio.calc_x(Z, pd.DataFrame(np.array(FINAL), index=rows, columns=list(of.economies)))
    L = pymrio.calc_L(pymrio.calc_A(Z, x))
    assert_allclose(leontief_inverse(of), L, rtol=1e-9)
    added = pd.DataFrame([x["indout"].to_numpy() - Z.sum(axis=0).to_numpy()], index=["va"], columns=rows)
    S = pymrio.calc_S(added, x)
    origin = (
        pd.DataFrame(np.kron(np.eye(3), np.ones(3)), index=list(of.economies), columns=rows) * S.to_numpy()
    )
    M = pymrio.calc_M(origin, L)
    assert_allclose(trace(leather)["content_share"].values.reshape(3, 9), M, rtol=1e-9)
    footprint = M.to_numpy() @ np.array(FINAL)
    assert_allclose(trace(leather)["content_of_final_demand"].sum("sector"), footprint, rtol=1e-9)
