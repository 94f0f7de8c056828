"""docs/state_file.md has the fields of the schema, in the words of its docstrings."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel

from perpkit.record.state import State
from tests.conftest import REPOSITORY

NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true, false",
    AwareDatetime: "time",
}


_PARAM = re.compile(r":param ([\w, ]+):\s*(.*)")


def descriptions(kind: type) -> dict[str, str]:
    """What the docstring says of each field."""
    found: dict[str, str] = {}
    # A paragraph is a line and those below it that are indented.
    for paragraph in re.split(r"\n(?!\s)", cleandoc(kind.__doc__ or "")):
        match = _PARAM.match(" ".join(paragraph.split()))
        if match:
            names, text = match.groups()
            found |= dict.fromkeys(re.split(r",\s*", names), text)
    return found


def words(kind: Any) -> str:
    """A type, in the terms of JSON."""
    origin, inner = get_origin(kind), [each for each in get_args(kind) if each is not ...]
    if origin in (Union, types.UnionType):
        return " or ".join("null" if each is type(None) else words(each) for each in inner)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin is tuple:
        return f"list of {words(inner[0])}"
    if origin is dict:
        return f"object of {words(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return NAMES[kind]


def parts(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """The models that it is made of, itself first, each once."""
    found, waiting = [], [kind]
    while waiting:
        each = waiting.pop(0)
        if each not in found:
            found.append(each)
            waiting += [i for f in each.model_fields.values() for i in models(f.annotation)]
    return found


def models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from models(inner)


def section(kind: type[BaseModel]) -> str:
    about = " ".join(cleandoc(kind.__doc__ or "").split(":param")[0].split())
    described = descriptions(kind)
    rows = [
        f"| `{name}` | {words(field.annotation)} | {described[name]} |"
        for name, field in kind.model_fields.items()
    ]
    table = "\n".join(["| field | is | what it says |", "|---|---|---|", *rows])
    return "\n\n".join(part for part in (f"### {kind.__name__}", about, table) if part)


def test_the_page_has_every_field():
    page = (REPOSITORY / "docs" / "state_file.md").read_text()
    expected = "\n\n".join(map(section, parts(State))) + "\n"
    shown = page.partition("prints what belongs below. -->\n\n")[2]
    assert shown == expected, f"It should be:\n\n{expected}"


@pytest.mark.parametrize("kind", parts(State), ids=lambda kind: kind.__name__)
def test_every_field_is_described(kind):
    assert descriptions(kind).keys() == kind.model_fields.keys()
