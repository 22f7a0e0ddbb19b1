"""Books and overlays from files: one tiny bad file per error, with the words its message must hold."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from entrepot.errors import EntrepotError, LawError, UnknownCode
from entrepot.law.book import Book
from entrepot.law.read import find_book, lay_over_file, read_book

HEAD = """
title = "A book"
importer = "USA"
base_day = 2024-12-31
[[family]]
name = "s232"
title = "Section 232"
"""
MEASURE = """
[[measure]]
id = "steel"
title = "Steel"
family = "s232.steel"
reference = "Proclamation 1"
published = 2025-02-10
from = 2025-03-12
products = ["list:steel"]
rate = 0.25
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a book of a head and measures; `lists` is the text of lists/steel.csv."""

    def made(measures: str = MEASURE, head: str = HEAD, lists: str = "code\n7326\n", **files: str) -> Path:
        texts = {"book.toml": head, "measures.toml": measures, "lists/steel.csv": lists}
        for name, text in {**texts, **{k.replace("__", "/"): v for k, v in files.items()}}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return made


def test_a_book_is_read(write: Write) -> None:
    law = read_book(write())
    assert law.change_days() == [date(2025, 3, 12)]
    assert law.lists["steel"] == ("7326",)
    assert law.title_of("s232.steel") == "Section 232"
    assert [m.id for m in law.regime(date(2025, 3, 12)).measures] == ["steel"]
    assert law.regime(date(2025, 3, 11)).measures == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rate = 0.25", "rate = 25"), ["measures.toml", "'steel'", "rate", "2500 %", "write 0.25"]),
        (("rate = 0.25", "rat = 0.25"), ["'steel'", "unknown key 'rat'", "near: rate", "'rate' is missing"]),
        (("rate = 0.25", 'rate = 0.25\norigins = ["VNN"]'), ["'steel'", "VNN", "near", "VNM"]),
        (("rate = 0.25", 'rate = {by_origin = "annex"}'), ["'steel'", "no table of rates 'annex'"]),
        (("rate = 0.25", "rate = 0.25\nuntil = 2025-03-12"), ["'steel'", "is not after from 2025-03-12"]),
        (('"list:steel"', '"73A6"'), ["'steel'", "73A6", "without dots"]),
        (('"list:steel"', '"list:stel"'), ["'steel'", "no list 'stel'", "near: steel"]),
        (('"s232.steel"', '"s233.steel"'), ["'steel'", "'s233.steel' is not declared", "book.toml"]),
        (("rate = 0.25", 'rate = 0.25\nunless = ["s232"]'), ["'steel'", "its own family"]),
        (
            ("rate = 0.25", 'rate = 0.25\nwhen = [{fact = "weight", at_least = 0.1}]'),
            ["'weight'", "facts.toml"],
        ),
        (("from = 2025-03-12", 'from = "12 March"'), ["'steel'", "from", "12 March"]),
        (("rate = 0.25", 'rate = 0.25\nimporter = "VNM"'), ["'steel'", "'VNM'", "one importer"]),
        (("[[measure]]", "[[measures]]"), ["unknown key 'measures'", "[[measure]]"]),
        (("rate = 0.25", "rate = "), ["measures.toml", "not valid TOML", "line"]),
    ],
)
def test_a_wrong_measure_is_named_with_file_and_key(
    write: Write, change: tuple[str, str], words: list[str]
) -> None:
    folder = write(MEASURE.replace(*change))
    with pytest.raises(EntrepotError) as caught:
        read_book(folder)
    assert [word for word in words if word not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"lists": "code\n7326.90\n"}, ["steel.csv", "line 2", "7326.90"]),
        ({"lists": "hts\n7326\n"}, ["steel.csv", "'code' is missing", "hts"]),
        ({"lists": "code\n"}, ["steel.csv", "empty"]),
        ({"rates__a.csv": "origin,rate\nVNM,46\n"}, ["a.csv", "VNM", "4600 %", "0.46"]),
        ({"rates__a.csv": "origin,rate\nVNM,x\n"}, ["a.csv", "'x'"]),
        ({"head": HEAD.replace("title", "titel", 1)}, ["book.toml", "unknown key 'titel'", "near: title"]),
        ({"head": HEAD.replace("2024-12-31", '"soon"')}, ["book.toml", "base_day"]),
        (
            {"facts.toml": '[[fact]]\nname = "x"\nkind = "guess"\nwhat = "y"\n'},
            ["facts.toml", "'x'", "kind", "guess"],
        ),
        (
            {"facts.toml": '[[fact]]\nname = "x"\nkind = "share"\nwhat = "y"\ntable = "no.csv"\n'},
            ["facts.toml", "'x'", "no.csv"],
        ),
    ],
)
def test_a_wrong_file_of_a_book_is_named(write: Write, files: dict[str, str], words: list[str]) -> None:
    with pytest.raises(LawError) as caught:
        read_book(write(**files))
    assert [word for word in words if word not in str(caught.value)] == []


def test_overlapping_versions_of_one_id_are_refused_and_successive_ones_are_not(write: Write) -> None:
    twice = MEASURE + MEASURE.replace("from = 2025-03-12", "from = 2025-06-04")
    with pytest.raises(
        LawError, match=r"two measures with the id 'steel' overlap.*2025-06-04.*End the first"
    ):
        read_book(write(twice))
    read_book.cache_clear()
    successive = MEASURE.replace("rate =", "until = 2025-06-04\nrate =") + MEASURE.replace(
        "from = 2025-03-12", "from = 2025-06-04"
    )
    assert len(read_book(write(successive)).versions("steel")) == 2


def test_a_folder_without_a_book_says_what_a_book_is(tmp_path: Path) -> None:
    with pytest.raises(LawError, match=r"has no book\.toml"):
        read_book(tmp_path)
    with pytest.raises(LawError, match=r"no such folder.*'us'"):
        find_book("uz")


@pytest.fixture
def law(write: Write) -> Book:
    return read_book(write())


def overlay(law: Book, tmp_path: Path, text: str) -> Book:
    path = tmp_path / "what-if"
    path.write_text(text, encoding="utf-8")
    return lay_over_file(law, path)


def test_a_measure_laid_over_takes_the_place_of_its_id_for_its_time(law: Book, tmp_path: Path) -> None:
    laid = overlay(
        law, tmp_path, MEASURE.replace("2025-03-12", "2025-06-01\nuntil = 2025-07-01").replace("0.25", "0.5")
    )
    days = (date(2025, 5, 31), date(2025, 6, 1), date(2025, 7, 1))
    assert [laid.regime(day).measures[0].rate.ad_valorem for day in days] == [0.25, 0.5, 0.25]
    assert law.regime(date(2025, 6, 1)).measures[0].rate.ad_valorem == 0.25


def test_an_overlay_ends_a_measure(law: Book, tmp_path: Path) -> None:
    laid = overlay(law, tmp_path, '[[end]]\nid = "steel"\non = 2025-06-01\n')
    assert laid.regime(date(2025, 5, 31)).measures
    assert not laid.regime(date(2025, 6, 1)).measures


def test_an_overlay_brings_its_own_lists_tables_and_facts(law: Book, tmp_path: Path) -> None:
    text = (
        'list.phones = ["851713"]\ntable.annex = { VNM = 0.46 }\n'
        '[[fact]]\nname = "licence"\nkind = "truth"\nwhat = "a licence was shown"\n'
        + MEASURE.replace('id = "steel"', 'id = "phones"').replace("list:steel", "list:phones")
    ).replace("rate = 0.25", 'rate = {by_origin = "annex"}\nwhen = [{fact = "licence", is = false}]')
    laid = overlay(law, tmp_path, text)
    assert laid.lists["phones"] == ("851713",)
    assert laid.tables["annex"] == {"VNM": 0.46}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('[[end]]\nid = "stel"\non = 2025-06-01\n', UnknownCode, "no measure 'stel'; near: steel"),
        ("[[mesure]]\n", LawError, "unknown key 'mesure'; near: measure"),
        (MEASURE.replace("0.25", "50"), LawError, "5000 %"),
        ('list.phones = ["8517.13"]\n', LawError, "8517.13"),
        ("measure = 3\n", LawError, "measure"),
    ],
)
def test_a_wrong_overlay_is_named(
    law: Book, tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        overlay(law, tmp_path, text)
    assert "what-if" in str(caught.value) or error is UnknownCode
    assert words in str(caught.value)


def test_what_was_laid_over_counts_from_the_day_it_was_published(law: Book, tmp_path: Path) -> None:
    later = (
        MEASURE.replace("2025-02-10", "2025-07-31").replace("2025-03-12", "2025-08-07").replace("0.25", "0.5")
    )
    laid = overlay(law, tmp_path, later)
    day = date(2025, 9, 1)
    assert [m.rate.ad_valorem for m in laid.regime(day).measures] == [0.5]
    assert [m.rate.ad_valorem for m in laid.regime(day, as_known=date(2025, 6, 1)).measures] == [0.25]
    ended = overlay(law, tmp_path, '[[end]]\nid = "steel"\non = 2025-08-01\npublished = 2025-07-01\n')
    assert ended.regime(day, as_known=date(2025, 6, 30)).measures
    assert not ended.regime(day, as_known=date(2025, 7, 1)).measures


def test_an_overlay_that_names_an_id_twice_or_a_family_that_none_lies_in_is_refused(
    law: Book, tmp_path: Path
) -> None:
    with pytest.raises(LawError, match="two measures with the id 'steel' overlap"):
        overlay(law, tmp_path, MEASURE + MEASURE)
    text = MEASURE.replace("rate = 0.25", 'rate = 0.25\nsets = ["s232.stel"]').replace('"steel"', '"other"')
    with pytest.raises(LawError, match=r"no measure lies in family 's232.stel'; near: s232.steel"):
        overlay(law, tmp_path, text)
