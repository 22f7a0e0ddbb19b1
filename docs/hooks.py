"""What the docs show is made when they are built: the file reference from the models, outputs from the program."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

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
    if isinstance(value, BaseModel):
        return "everything"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None or value in ("", {}) else str(value)


NAMES = {
    str: "text",
    float: "number",
    int: "whole number",
    bool: "true or false",
    date: "date",
    type(None): "none",
}


def _type(annotation: Any) -> str:
    """A type in words: `list of number`, `text or none`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin in (dict, Mapping):
        return f"table of {_type(arguments[1])}"
    return NAMES.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _output(command: str) -> str:
    program, *arguments = shlex.split(command)
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 2):
        raise RuntimeError(f"{command}: {done.stderr}")
    shown = (done.stdout or done.stderr).rstrip()
    return f"```console\n$ {command}\n{shown}\n```"
