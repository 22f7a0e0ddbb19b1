"""Small bills and rule sets for tests."""

from decimal import Decimal

from entrepot.origin.bill import Alternative, Bill, Charge, Part, check
from entrepot.origin.rules import RuleSet


def part(
    name: str, origin: str | tuple[str, ...], usd: object, product: str = "854231", **fields: object
) -> Part:
    """A bought part; origin `?` is unknown."""
    origins = () if origin == "?" else (origin,) if isinstance(origin, str) else origin
    return Part(name, product, origins, Decimal(str(usd)), **fields)  # type: ignore[arg-type]


def bill(*parts: Part, product: str = "852852", made_in: str = "VNM", **extra: object) -> Bill:
    """A product of these parts; charges by kind, e.g. labour=10, and facts."""
    facts = extra.pop("facts", {})
    weight = extra.pop("weight_kg", None)
    charges = tuple(Charge(k.replace("_", "-"), Decimal(str(v)), made_in) for k, v in extra.items())
    works = sum((c.value_usd for c in charges if c.stage == "works"), Decimal(0))
    value = sum((p.value_usd for p in parts), Decimal(0)) + works
    root = Part("thing", product, (made_in,), value, True, parts, charges, weight_kg=weight)  # type: ignore[arg-type]
    made = Bill(root, facts)  # type: ignore[arg-type]
    check(made)
    return made


def rules(rule: dict[str, object], **fields: object) -> RuleSet:
    """A set of one rule for every product, between Viet Nam and the United Kingdom."""
    return RuleSet.model_validate(
        {
            "name": "test",
            "title": "A test",
            "reference": "a test",
            "parties": ["VNM", "GBR"],
            "rules": [{"products": ["*"], "rule": rule}],
            **fields,
        }
    )


def alternative(origin: str, cost: object, **fields: object) -> Alternative:
    """Another way to buy."""
    return Alternative(f"{origin} supplier", (origin,), Decimal(str(cost)), **fields)  # type: ignore[arg-type]
