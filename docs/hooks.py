"""What the docs show is made when they are built: the file reference from the models, outputs from the program."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from entrepot.law.measure import Condition, Measure, Origins, Portion, Products, Rate, Reading, Suspension
from entrepot.law.read import BookFile, EndEntry, EventEntry, FactEntry, FamilyEntry, OverlayFile

ROOT = Path(__file__).resolve().parents[1]
MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "measures": (Measure, Origins, Products, Condition, Portion, Rate, Suspension, Reading),
    "book": (BookFile, FamilyEntry, EventEntry, FactEntry),
    "overlay": (OverlayFile, EndEntry),
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill `<!-- models: NAME -->` and `<!-- run: COMMAND -->`."""
    markdown = re.sub(r"<!-- models: (\w+) -->", lambda m: "\n".join(_tables(m[1])), markdown)
    return re.sub(r"<!-- run: (.+?) -->", lambda m: _output(m[1]), markdown)


def _tables(name: str) -> Iterator[str]:
    for model in MODELS[name]:
        first = (model.__doc__ or "").strip().split("\n\n")
        yield f"### {model.__name__}\n\n{' '.join(' '.join(first).split())}\n"
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        for key, field in model.model_fields.items():
            default = (
                "required"
                if field.is_required()
                else f"`{_shown(field.get_default(call_default_factory=True))}`"
            )
            yield f"| `{field.alias or key}` | {_type(field.annotation)} | {default} | {field.description or ''} |"
        yield ""


def _shown(value: object) -> str:
    return (
        '""'
        if value == ""
        else str(value).lower()
        if isinstance(value, bool)
        else "none"
        if value in (None, ())
        else str(value)
    )


def _type(annotation: object) -> str:
    text = re.sub(r"\b(typing|collections\.abc|datetime|entrepot\.[\w.]+)\.", "", str(annotation))
    text = re.sub(r"<class '([\w.]+)'>", r"\1", text).replace("NoneType", "none")
    text = re.sub(r"Annotated\[([^,\[\]]+)(?:\[[^\]]*\])?,.*\]", r"\1", text)
    return f"`{text.split('.')[-1] if text.count('.') and '[' not in text else text}`".replace("|", "or")


def _output(command: str) -> str:
    program, *arguments = shlex.split(command)
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 2):
        raise RuntimeError(f"{command}: {done.stderr}")
    shown = (done.stdout or done.stderr).rstrip()
    return f"```console\n$ {command}\n{shown}\n```"
