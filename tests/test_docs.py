"""What the pages name exists: links and their anchors, files, commands, modules, rooms."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
import typer

from perpkit.bot.live import order_journal, other_instance, passive
from perpkit.cli import app
from perpkit.record.opening import JournalState
from tests.bench import pages
from tests.conftest import REPOSITORY

PAGES = pages.pages(REPOSITORY)
EVIDENCE = sorted(page.name for page in (REPOSITORY / "docs" / "evidence").glob("*.md"))
FOLDERS = ("benchmarks", "pairlists", "perpkit", "protections", "strategies", "tests")


@cache
def text(page: Path) -> str:
    return (REPOSITORY / page).read_text()


@cache
def sources() -> str:
    """All tests, in one."""
    return "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("*.py"))


def broken_links(page: Path) -> list[str]:
    found = []
    for link in pages.links(text(page)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (REPOSITORY / page).parent / target if target else REPOSITORY / page
        if not path.exists() or (anchor and anchor not in pages.anchors(path.read_text())):
            found.append(link)
    return found


@cache
def command() -> click.Command:
    """The command line, of which the pages name parts."""
    return typer.main.get_command(app)


def options_without_help(here: click.Command, name: str = "perpkit") -> list[str]:
    found = [f"{name} {param.name}" for param in here.params
             if param.param_type_name == "option" and not (param.help or param.hidden)]  # fmt: skip
    for each, below in getattr(here, "commands", {}).items():
        found += options_without_help(below, f"{name} {each}")
    return found


def unknown_options(words: list[str]) -> list[str]:
    """Commands and options of a call that the command line does not have."""
    here = command()
    names = list(words)
    while isinstance(here, typer.core.TyperGroup) and names and re.match(r"[a-z]+$", names[0]):
        if names[0] not in here.commands:
            return [names[0]]
        here = here.commands[names.pop(0)]
    known = {name for param in here.params for name in (*param.opts, *param.secondary_opts)}
    options = {re.split(r"[=.,;:)\[]", word)[0] for word in names if re.match(r"--?[a-z]", word)}
    return sorted(options - known - {"--help"})


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_a_page_names_is_there(page):
    named = pages.paths(text(page)) - pages.written(text(page))
    assert [path for path in sorted(named) if not is_there(path)] == []


def is_there(path: str) -> bool:
    return any(REPOSITORY.glob(path.rstrip("/")))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_module_that_a_page_runs_is_there(page):
    missing = []
    for name in pages.modules(text(page)):
        path = REPOSITORY / name.replace(".", "/")
        if is_ours(name) and not (path.with_suffix(".py").exists() or path.is_dir()):
            missing.append(name)
    assert missing == []


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in FOLDERS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_name_in_perpkit_that_a_page_uses_is_there(page):
    missing = []
    by_the_reader = {path[:-3].replace("/", ".") for path in pages.written(text(page))}
    for name in pages.dotted(text(page)) - by_the_reader:
        part = REPOSITORY / "perpkit" / name.split(".")[1]
        if part.is_dir() or part.with_suffix(".py").exists():  # not a key such as perpkit.account
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_that_a_page_names_is_there(page):
    wrong = [(words, unknown_options(words)) for words in pages.commands(text(page))]
    assert [each for each in wrong if each[1]] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_test_that_a_page_names_is_there(page):
    named = {piece for piece in pages.code(text(page)) if re.fullmatch(r"test_\w+(\.py)?", piece)}
    files = {path.name for path in (REPOSITORY / "tests").rglob("test_*.py")}
    assert [n for n in sorted(named) if n not in files and f"def {n}(" not in sources()] == []


def test_every_option_has_a_help_text():
    assert options_without_help(command()) == []


def parameters_of(name: str) -> set[str]:
    """Those that a protection or pairlist of this package takes; none of any other."""
    path = REPOSITORY / "pairlists" / f"{name}.py"
    if path.exists():
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return set(getattr(module, name).available_parameters())
    section = (
        text(Path("docs/parameters.md")).partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    )
    return set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_parameter_in_an_example_is_there(page):
    unknown = {
        (name, parameter)
        for name, given in pages.plugins(text(page))
        if (known := parameters_of(name))
        for parameter in given - known
    }
    assert unknown == set()


def test_every_page_that_the_code_names_is_there():
    missing = set()
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*.py"):
            for page in re.findall(r"(?<![\w/])docs/\w[\w/]*\.md", path.read_text()):
                if not (REPOSITORY / page).exists():
                    missing.add((str(path.relative_to(REPOSITORY)), page))
    assert missing == set()


def test_the_readme_leads_to_every_page():
    linked = {link.partition("#")[0] for link in pages.links(text(Path("README.md")))}
    linked.add("README.md")
    pages_to_use = {str(page) for page in PAGES if page.parent.name != "evidence"}
    assert pages_to_use - linked == set()


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_page_and_its_evidence_lead_to_each_other(name):
    links = pages.links(text(Path("docs") / name))
    assert f"evidence/{name}" in {link.partition("#")[0] for link in links}
    links = pages.links(text(Path("docs/evidence") / name))
    assert f"../{name}" in {link.partition("#")[0] for link in links}


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("journal.md", order_journal._WAY_OUT[JournalState.COPY]),
        ("journal.md", passive._NOTHING),
        ("journal.md", other_instance._WAY_OUT),
    ],
)
def test_a_message_that_a_page_quotes_is_what_the_bot_sends(page, message):
    quoted = " ".join(text(Path("docs") / page).replace("\n> ", " ").split())
    assert message in quoted


ARCHITECTURE = Path("docs/architecture.md")


def contracts() -> dict[str, list[str]]:
    """Floors by what has them, highest first, as import-linter holds them."""
    found = {}
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in tool["contracts"]:
        if contract["type"] == "layers":
            container = contract.get("containers", ["perpkit"])[0]
            layers = (" ".join(layer.split()) for layer in contract["layers"])
            found[container] = [layer.replace(f"{container}.", "") for layer in layers]
    return found


def shown_floors() -> dict[str, list[str]]:
    """The same, as the page shows them: a name, then a floor a line with a remark."""
    found = {}
    for block in pages.blocks(text(ARCHITECTURE)):
        head, *rows = [line.rstrip() for line in block.splitlines()]
        if re.fullmatch(r"perpkit[\w.]*", head):
            found[head] = [re.split(r" {2,}", row.strip())[0] for row in rows]
    return found


@pytest.mark.parametrize("container", sorted(contracts()))
def test_the_picture_has_the_floors_that_import_linter_holds(container):
    assert shown_floors().get(container) == contracts()[container]


def test_the_table_has_every_room():
    rows = pages.table(text(ARCHITECTURE), "## Rooms")
    folders = [
        f"{path.relative_to(REPOSITORY)}/"
        for above in ("perpkit", "perpkit/bot", "perpkit/venue")
        for path in (REPOSITORY / above).iterdir()
        if (path / "__init__.py").exists()
    ]
    assert sorted(row[0].strip("`") for row in rows) == sorted(folders)


def test_every_wish_has_a_place():
    rows = pages.table(text(ARCHITECTURE), "## Where do I change what")
    assert [wish for wish, *places in rows if not pages.paths(" ".join(places))] == []
    assert len(rows) > 20


PAGE = """# One

## The `stop` guard: 1, 2

A [link](other.md#here), `[none](x.md)`, `perpkit stop --why "a reason" # said`, `perpkit/cli.py`,
`python -m benchmarks.ablation`, `perpkit.cli.main`, ~/perpkit/not/ours.
`{"method": "CryptoVixBreaker", "dvol": true, "pair": "BTC/USDT:USDT"}`

**`perpkit/new.py`**

```python
import perpkit.cli
```

```sh
perpkit breakers replay --breaker all \\
    --json        # for programs
perpkit keys exec -- freqtrade trade --config x
```

## Two

## Two
"""


def test_what_a_page_names():
    assert pages.links(PAGE) == ["other.md#here"]
    assert pages.anchors(PAGE) == {"one", "the-stop-guard-1-2", "two", "two-1"}
    assert pages.paths(PAGE) == {"perpkit/cli.py", "perpkit/new.py"}
    assert pages.written(PAGE) == {"perpkit/new.py"}
    assert pages.modules(PAGE) == {"benchmarks.ablation"}
    assert pages.dotted(PAGE) == {"perpkit.cli", "perpkit.cli.main"}
    assert pages.plugins(PAGE) == [("CryptoVixBreaker", {"dvol", "pair"})]
    assert pages.commands(PAGE) == [
        ["breakers", "replay", "--breaker", "all", "--json"],
        ["keys", "exec"],
        ["stop", "--why", "a", "reason"],
    ]


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        (["stop", "--why", "x"], []),
        (["stop", "--wy", "x"], ["--wy"]),
        (["halt"], ["halt"]),
        (["breakers", "replay", "--json"], []),
        (["breakers", "rerun"], ["rerun"]),
    ],
)
def test_which_options_are_unknown(words, unknown):
    assert unknown_options(words) == unknown
