"""What a product costs when it has arrived: transaction value, freight, and the duty of a day's law.

The facts on which the duty turns follow from the bill: content by economy, a preference that is earned, and
that the goods are what they claim. What doesn't follow stays open, and the law says what it would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from entrepot.law.book import Book
from entrepot.law.duty import Duty, Outcome, duty
from entrepot.law.facts import Given
from entrepot.law.measure import BOUNDS
from entrepot.origin.bill import Bill
from entrepot.origin.content import Estimator, Range, content
from entrepot.origin.determine import Determination


@dataclass(frozen=True)
class Landed:
    """The duty on one product, and what it costs landed in each outcome; USD.

    given: the facts that were handed to the law, those from the bill first.
    """

    bill: Bill
    duty: Duty
    given: tuple[Given, ...]

    def cost_usd(self, outcome: Outcome) -> Decimal | None:
        """Transaction value, freight, insurance and duty in one outcome; None if the duty isn't known."""
        owed = outcome.total_usd
        return None if owed is None else self.bill.value_usd + self.bill.sea_usd + owed


def landed(
    bill: Bill,
    book: Book,
    on: date,
    *,
    determinations: Sequence[Determination] = (),
    given: Sequence[Given] = (),
    origin: str | None = None,
    estimate: Estimator | None = None,
) -> Landed:
    """The duty on one product on a day, and its landed cost.

    Origin: `origin` if given; else the one that a determination without preference resolved; else where it
    is made, with transshipment open. Facts in `given` go before those that follow from the bill.
    """
    entered, follow = _origin(bill, determinations, origin, book.importer)
    facts = [*content_facts(bill, book, on, estimate), *follow, *given]
    answer = duty(book, bill.root.product, entered, on, bill.value_usd, given=facts)
    return Landed(bill, answer, tuple(facts))


def content_facts(bill: Bill, book: Book, on: date, estimate: Estimator | None = None) -> list[Given]:
    """Content by economy as facts, for the economies that the law of the day asks about, where it is known."""
    asked = asked_content(book, on)
    if not asked:
        return []
    found = content(bill, estimate=estimate)
    shares = {economy: found.share(economy) for economy in asked}
    return [
        Given(f"content.{e}", round(share.low, 12))
        for e, share in shares.items()
        if share.exact or not _matters(book, on, e, share)
    ]


def _matters(book: Book, on: date, economy: str, share: Range) -> bool:
    """Whether it makes a difference to any measure where in a range the content lies."""
    name = f"content.{economy}"
    for measure in book.regime(on).measures:
        if measure.portion is not None and measure.portion.fact == name:
            return True
        limits = [getattr(c, b) for c in measure.when if c.fact == name for b in BOUNDS]
        if any(limit is not None and share.low <= limit <= share.high for limit in limits):
            return True
    return False


def asked_content(book: Book, on: date) -> list[str]:
    """Economies whose content some measure in force on the day asks about."""
    names = {name for m in book.regime(on).measures for name in m.needs() if name.startswith("content.")}
    return sorted(name.removeprefix("content.") for name in names)


def _origin(
    bill: Bill, determinations: Sequence[Determination], origin: str | None, importer: str
) -> tuple[str, list[Given]]:
    """Where the goods are entered from, and the facts that follow from what was determined.

    A preference is claimed if one that the importer gives is earned; otherwise none is.
    """
    claims = [
        d.rule_set.programme
        for d in determinations
        if d.qualifies and d.rule_set.programme and importer in d.rule_set.parties
    ]
    facts = [Given("programme", claims[0] if claims else "none")]
    found = next((d.origin for d in determinations if not d.rule_set.preferential and d.origin), None)
    entered = origin or found or bill.made_in
    if found is not None and entered == found:
        # Entered as of the origin that was found: nothing passes under another flag.
        facts.append(Given("transshipped", False))
    return entered, facts
