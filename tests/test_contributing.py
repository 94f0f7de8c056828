"""The steps of CONTRIBUTING.md, followed to the letter in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cases import SLOW
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text()
TREE = ("perpkit", "protections", "pairlists", "strategies", "tests", "docs", "benchmarks")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "config.json.example")
BLOCK = re.compile(
    r"(?:\*\*`(?P<path>[^`]+)`\*\*\n\n)?^(?P<indent> *)```(?P<kind>\w+)\n(?P<text>.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = re.findall(r"^## (Add a .+)$", PAGE, re.MULTILINE)
# What `make lint` runs.
LINTERS = ("ruff check .", "ruff format --check .", "mypy", "lint-imports")


@dataclass
class Steps:
    """What a section has its reader do, in order."""

    files: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)


def steps(section: str) -> Steps:
    found = Steps()
    text = re.split(r"^## ", PAGE.split(f"## {section}\n")[1], flags=re.MULTILINE)[0]
    for block in BLOCK.finditer(text):
        content = textwrap.dedent(block["text"])
        match block["kind"], block["path"]:
            case "python", str(path):
                found.files[path] = content
            case "diff", str(path):
                found.changes[path] = content
            case "sh", None:
                found.commands += content.replace("\\\n", "").splitlines()
            case other:
                raise AssertionError(f"{section}: what is to be done with {other}?")
    return found


def changed(text: str, diff: str) -> str:
    """`text` after a change, whose lines have to be there once."""
    lines = [line or " " for line in diff.splitlines()]
    before, after = (
        "".join(f"{line[1:]}\n" for line in lines if line[0] in signs) for signs in (" -", " +")
    )
    assert text.count(before) == 1, f"{text.count(before)} times there:\n{before}"
    return text.replace(before, after)


class Checkout:
    """A copy of the tree, in which `python` and `perpkit` are those of this run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "perpkit"
        for name in TREE:  # what is compiled already, too
            shutil.copytree(REPOSITORY / name, self.folder / name)
        for name in FILES:
            shutil.copy(REPOSITORY / name, self.folder)
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name, call in {"python": "", "perpkit": " -m perpkit.cli"}.items():
            program = self.programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{call} "$@"\n')
            program.chmod(0o755)

    def follow(self, todo: Steps) -> None:
        for path, text in todo.files.items():
            assert not (self.folder / path).exists()
            (self.folder / path).write_text(text)
        for path, diff in todo.changes.items():
            whole = self.folder / path
            whole.write_text(changed(whole.read_text(), diff))
        for command in todo.commands:
            self.run(command)

    def run(self, command: str) -> None:
        environment = {
            **os.environ,
            "PATH": f"{self.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder),
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
        }
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-5000:]}{done.stderr[-2000:]}"
        # A selection that selects nothing is an error of pytest's: 5.

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# Each is a checkout and some runs of pytest: the longest of them in every run, all in `make soak`.
EACH = [pytest.param(name, marks=() if "breaker" in name else SLOW) for name in SECTIONS]


@pytest.mark.parametrize("section", EACH)
def test_the_steps_lead_to_what_passes(checkout, section):
    todo = steps(section)
    before = checkout.contents()
    checkout.follow(todo)
    after = checkout.contents()
    assert todo.commands
    written = {path for path, content in after.items() if before.get(path) != content}
    generated = written - todo.files.keys() - todo.changes.keys()
    assert len(generated) <= 1
    assert all(path.startswith("docs/") for path in generated)


@pytest.mark.parametrize(
    "linters", [LINTERS[:2], pytest.param(LINTERS[2:], marks=SLOW)], ids=["ruff", "the others"]
)
def test_all_of_them_together_pass_the_linters(checkout, linters):
    for section in SECTIONS:
        todo = steps(section)
        checkout.follow(Steps(todo.files, todo.changes))
    for linter in linters:
        checkout.run(linter)


def test_the_linters_are_those_of_make():
    lint = (REPOSITORY / "Makefile").read_text().split("\nlint: setup\n")[1].split("\n\n")[0]
    assert lint.replace("$(BIN)/", "").replace("\t", "").splitlines() == list(LINTERS)


def test_there_is_a_section_for_each_of_what_is_added_most():
    added = {section.rpartition(" ")[2] for section in SECTIONS}
    assert added >= {"breaker", "pairlist", "strategy", "endpoint"}


def test_a_breaker_is_four_files_and_a_generated_page():
    """Its core, its class, its test and a line of a page; `perpkit parameters` writes another."""
    todo = steps("Add a breaker")
    folders = [path.rpartition("/")[0] for path in (*todo.files, *todo.changes)]
    assert folders == ["perpkit/breakers", "protections", "tests/breakers", "docs"]
    made = [command.partition(" > ")[2] for command in todo.commands if " > " in command]
    assert made == ["docs/parameters.md"]


def named_targets() -> Iterator[str]:
    for block in BLOCK.finditer(PAGE):
        yield from re.findall(r"^make ([\w-]+)", textwrap.dedent(block["text"]), re.MULTILINE)


@pytest.mark.parametrize("target", sorted(set(named_targets())))
def test_the_targets_of_make_exist(target):
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "diff", "expected"),
    [
        ("a\nb\n", " a\n+c\n", "a\nc\nb\n"),
        ("a\nb\n", "-a\n+c\n b\n", "c\nb\n"),
        ("a\n\nb\n", " a\n\n+c\n b\n", "a\n\nc\nb\n"),
    ],
)
def test_how_a_change_is_applied(text, diff, expected):
    assert changed(text, diff) == expected


@pytest.mark.parametrize(("text", "diff"), [("a\n", "-b\n"), ("a\na\n", " a\n+b\n")])
def test_a_change_that_does_not_fit_fails(text, diff):
    with pytest.raises(AssertionError, match="times there"):
        changed(text, diff)
