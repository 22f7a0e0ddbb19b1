"""Make `src/entrepot/origin/rules/uk-vietnam.json` from the rule tables of the UK online tariff.

    python tools/embed_uk_vietnam.py ../shared/data/rules-of-origin/uk-vietnam.json

The same input gives the same bytes. What isn't understood is listed on stderr, with counts.
"""

import json
import sys
from pathlib import Path

from entrepot.origin.uk import from_uk

OUT = Path(__file__).parents[1] / "src/entrepot/origin/rules/uk-vietnam.json"


def main(source: str) -> None:
    """Read, write compactly, one product rule a line."""
    reading = from_uk(json.loads(Path(source).read_text(encoding="utf-8")), source)
    table = reading.rule_set.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    rules = table.pop("rules")
    # Defaults are left out above, the kinds of rules among them; they are what tells rules apart.
    for entry, rule in zip(rules, reading.rule_set.rules, strict=True):
        entry["rule"] = _tagged(rule.rule)
    head = json.dumps(table, ensure_ascii=False, indent=1)[:-2]
    lines = ",\n".join(json.dumps(rule, ensure_ascii=False, separators=(",", ":")) for rule in rules)
    OUT.write_text(f'{head},\n "rules": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    sys.stderr.write(f"{OUT.name}: {len(rules)} rule sets; rules: {dict(reading.counts)}\n")
    for heading, text in reading.open_rules:
        sys.stderr.write(f"not understood: {heading}: {text}\n")


def _tagged(rule: object) -> dict[str, object]:
    dumped = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)  # type: ignore[attr-defined]
    if hasattr(rule, "rules"):
        dumped["rules"] = [_tagged(inner) for inner in rule.rules]
    return {"kind": rule.kind, **dumped}  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(sys.argv[1])
