"""Small ledgers and books for tests, and strategies that make them up."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from entrepot.law.book import Book, Family
from entrepot.law.facts import Fact
from entrepot.law.measure import Measure
from entrepot.ledger import Ledger

PRODUCTS = ("0101210010", "2709001000", "6109100012", "7326908688", "8517130000", "8703230140", "9403608093")
ORIGINS = ("VNM", "CHN", "MEX", "EU27", "JPN")
FAMILIES = ("mfn", "alpha", "beta", "beta.narrow", "gamma")
START = date(2025, 1, 1)


def measure(**fields: object) -> Measure:
    """A measure with everything needed but what a test says."""
    basics: dict[str, object] = {
        "id": "m",
        "title": "A measure",
        "family": "alpha",
        "reference": "a test",
        "importer": "USA",
        "published": "2025-01-01",
        "from": "2025-02-01",
        "rate": 0.1,
    }
    return Measure.model_validate({**basics, **fields})


def book(*measures: Measure, facts: tuple[Fact, ...] = (), **tables: object) -> Book:
    """A checked book of these measures."""
    made = Book(
        title="A book",
        importer="USA",
        base_day=date(2024, 12, 31),
        families=tuple(Family(name, name.title()) for name in FAMILIES),
        measures=measures,
        lists=tables.get("lists", {}),
        tables=tables.get("tables", {}),
        facts={fact.name: fact for fact in facts},
        events={},
        source=Path("book"),
    )
    made.check()
    return made


def ledger(*rows: tuple[str, str, float, float], **facts: list[float]) -> Ledger:
    """A ledger of (origin, product, value, duty), with facts as columns."""
    table = pl.DataFrame(
        rows,
        schema={"origin": pl.String, "product": pl.String, "value_usd": pl.Float64, "duty_usd": pl.Float64},
        orient="row",
    ).with_columns(importer=pl.lit("USA"))
    columns = {f"fact.{name.replace('__', '.')}": values for name, values in facts.items()}
    return Ledger(
        table.with_columns(**{name: pl.Series(v, dtype=pl.Float64) for name, v in columns.items()}), "a test"
    )


values = st.integers(0, 10**9).map(float)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any small ledger: distinct lines, duty below value, a share of which is transshipped."""
    steel = draw(st.sampled_from([0.0, 0.3, 1.0]))
    keys = draw(
        st.lists(st.tuples(st.sampled_from(ORIGINS), st.sampled_from(PRODUCTS)), min_size=1, unique=True)
    )
    rows, shares = [], []
    for origin, product in keys:
        value = draw(values)
        rows.append((origin, product, value, value * draw(st.sampled_from([0.0, 0.025, 0.29]))))
        shares.append(draw(st.sampled_from([0.0, 0.161, 1.0])))
    return ledger(*rows, transshipped=shares, metal__steel=[steel] * len(rows))


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Any small book whose measures may add, replace, give way, top up and depend on transshipment."""
    measures = []
    for number in range(draw(st.integers(0, 6))):
        start = START + timedelta(days=draw(st.integers(0, 40)))
        family = draw(st.sampled_from(FAMILIES[1:]))
        others = [name for name in ("mfn", "alpha", "gamma") if not family.startswith(name)]
        fields: dict[str, object] = {
            "id": f"m{number}",
            "family": family,
            "from": start,
            "until": draw(st.none() | st.integers(1, 40).map(lambda n, s=start: s + timedelta(days=n))),
            "origins": draw(st.sampled_from([["*"], ["VNM"], ["EU27", "CHN"], {"exclude": ["MEX"]}])),
            "products": draw(
                st.sampled_from([["*"], ["73"], ["8517", "870323"], {"exclude": ["9403608093"]}])
            ),
            "rate": draw(st.sampled_from([0.0, 0.1, 0.25, {"floor": 0.15, "of": ["mfn"]}])),
            "when": draw(st.sampled_from([[], [{"fact": "transshipped", "is": True}]])),
            "portion": draw(
                st.sampled_from([None, {"fact": "metal.steel"}, {"fact": "metal.steel", "rest": True}])
            ),
            # An order of its own each: what commutes without one is tested apart.
            "order": number,
        }
        way = draw(st.sampled_from(["adds", "sets", "unless"]))
        if way == "sets":
            fields["sets"] = [draw(st.sampled_from(FAMILIES[1:]))]
        elif way == "unless" and family == "gamma":
            fields["unless"] = [draw(st.sampled_from([o for o in others if o != "gamma"]))]
        measures.append(measure(**fields))
    mfn = measure(
        id="mfn", family="mfn", published="2000-01-01", rate={"fact": "mfn"}, **{"from": "2000-01-01"}
    )
    return book(mfn, *measures)
