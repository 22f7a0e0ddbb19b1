"""Tables of a page, by great-tables: row and column heads that screen readers follow, exact numbers in the marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import polars as pl


@dataclass(frozen=True)
class Column:
    """A column of a table on the page: what it holds, its heading, how its numbers are said and its codes read."""

    name: str
    heading: str
    say: Callable[[float | None], str] | None = None
    read: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Layout:
    """A table to be laid out: cells, headings by column, and how cells of some columns become HTML.

    The first column of `headings` heads the rows, `group` is a column that heads groups of rows. Columns with
    a mark are set to the right.
    """

    frame: pl.DataFrame
    headings: Mapping[str, str]
    marks: Mapping[str, Callable[..., str]]
    name: str
    caption: str
    group: str | None = None


def table(frame: pl.DataFrame, columns: Sequence[Column], *, name: str, caption: str) -> str:
    """A frame as an HTML table: numbers as their column says them, with all their digits in `data-value`."""
    shown = frame.select(c.name for c in columns).with_columns(
        pl.col(pl.Date).cast(pl.String),
        *(pl.col(c.name).replace(_read(c.read, frame[c.name])) for c in columns if c.read is not None),
    )
    marks = {c.name: partial(_exactly, c.say) for c in columns if c.say is not None}
    return laid_out(Layout(shown, {c.name: c.heading for c in columns}, marks, name, caption))


def crossed(frame: pl.DataFrame, columns: Sequence[Column]) -> tuple[pl.DataFrame, list[Column]]:
    """A frame of two keys and a number as a matrix: the first key heads the rows, the second the columns."""
    down, across, number = columns
    wide = frame.pivot(on=across.name, index=down.name, values=number.name, maintain_order=True)
    read = across.read or str
    return wide, [down, *(Column(c, read(c), number.say) for c in wide.columns if c != down.name)]


def _read(read: Callable[[str], str], codes: pl.Series) -> dict[str, str]:
    return {code: read(code) for code in codes.unique(maintain_order=True)}


def laid_out(layout: Layout | None) -> str:
    """A table as HTML; nothing for none."""
    import great_tables  # noqa: PLC0415  # the process that draws has no need of it

    if layout is None:
        return ""
    first, *others = layout.headings
    made = great_tables.GT(
        layout.frame, rowname_col=first, groupname_col=layout.group, id=f"table-{layout.name}"
    )
    made = made.cols_label(cases={name: layout.headings[name] for name in others})
    made = made.tab_stubhead(layout.headings[first])
    for column, mark in layout.marks.items():
        made = made.fmt(mark, columns=column)
    if layout.marks:
        made = made.cols_align("right", columns=list(layout.marks))
    whole = made.as_raw_html()
    # The page has one style for all tables, in its own colours; the library's would come with each of them.
    body = whole[whole.index("<table") : whole.index("</table>") + len("</table>")]
    opening = body.index(">") + 1
    return f"{body[:opening]}<caption>{escape(layout.caption)}</caption>{body[opening:]}"


def _exactly(say: Callable[[float | None], str], value: float | None) -> str:
    return exact(value, say(value))


def exact(value: float | None, text: str, **about: str) -> str:
    """A number as it is said, with all its digits and what it is about for those who read the page by program."""
    marks = {"value": "" if value is None else repr(value), **about}
    said = "".join(f' data-{name}="{escape(mark)}"' for name, mark in marks.items())
    return f"<span{said}>{escape(text)}</span>"
