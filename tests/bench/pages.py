"""What a Markdown page names: links, anchors, files of the repository, commands, modules."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_FENCE = re.compile(r"^( *)```.*?\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^( *)```(\w*).*?\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SHELLS = ("sh", "bash", "shell", "console")
_REMARK = re.compile(r"(^|\s)#\s.*$", re.MULTILINE)
_PROGRAM = re.compile(r"(curl|docker|freqtrade|git|make|perpkit|pip|python3?) [^\[]*$")
_CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\[\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
_PATH = re.compile(
    r"(?<![\w/.~-])(?:benchmarks|docs|pairlists|perpkit|protections|strategies|tests)/[\w./*-]*"
)
_MODULE = re.compile(r"python3? -m ([\w.]+)")
_DOTTED = re.compile(r"(?<![\w./-])perpkit(?:\.\w+)+")


def links(text: str) -> list[str]:
    """The targets of all links outside of code."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", text)).replace("\n", " "))


def anchors(text: str) -> set[str]:
    """What `#...` may name in a page: its headings, as GitHub writes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        slug = slug.replace(" ", "-")
        count = 0
        while (name := slug if not count else f"{slug}-{count}") in found:
            count += 1
        found.add(name)
    return found


def code(text: str) -> list[str]:
    """All code of a page: each piece in backticks, and each line of a fenced block."""
    lines = [
        line.strip()
        for _, block in _FENCE.findall(text)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return lines + [" ".join(each.split()) for each in _CODE.findall(_FENCE.sub("", text))]


def paths(text: str) -> set[str]:
    """Files and folders of the repository that its code names, patterns with `*` included."""
    return {path.rstrip(".") for piece in code(text) for path in _PATH.findall(piece)}


def written(text: str) -> set[str]:
    """Files that a reader writes who follows the page: in bold before a block of Python."""
    return set(re.findall(r"\*\*`([\w./]+)`\*\*\s+```python", text))


def modules(text: str) -> set[str]:
    """What its code runs with `python -m`."""
    return {name for piece in code(text) for name in _MODULE.findall(piece)}


def dotted(text: str) -> set[str]:
    """Names such as `perpkit.risk.sizing.SizingRule` in its code."""
    return {name for piece in code(text) for name in _DOTTED.findall(piece)}


def commands(text: str) -> list[list[str]]:
    """Calls of `perpkit` in its code, as lists of words; what it runs after `--` is left out."""
    found = []
    for piece in code(text):
        if piece.startswith("perpkit "):
            words = shlex.split(piece.replace("'", "").replace('"', ""), comments=True)
            found.append(words[1 : words.index("--") if "--" in words else None])
    return found


def shell(text: str) -> list[str]:
    """The commands of its blocks for a shell, as printed, each on one line and without remarks.

    Those in blocks without a language, too, unless they have brackets: that is a synopsis.
    """
    found = []
    for _, language, block in _BLOCK.findall(text):
        lines = _REMARK.sub("", re.sub(r" *\\\n *", " ", block)).splitlines()
        commands = [line.strip() for line in lines if line.strip()]
        if language in _SHELLS:
            found += commands
        elif not language:
            found += [each for each in commands if _PROGRAM.match(each)]
    return found


def plugins(text: str) -> list[tuple[str, set[str]]]:
    """The name and the parameters of each `{"method": NAME, ...}` in its code."""
    objects = re.findall(r'\{"method": "(\w+)"([^{}]*)', "\n".join(code(text)))
    return [(name, set(re.findall(r'"(\w+)":', rest))) for name, rest in objects]


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its first two lines."""
    below = text.partition(f"\n{heading}\n")[2]
    rows = [line for line in below.splitlines() if line.startswith("|") or not line.strip()]
    kept = "\n".join(rows).strip().split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in kept]


def blocks(text: str) -> list[str]:
    """The contents of its fenced blocks."""
    return [block for _, block in _FENCE.findall(text)]


def pages(repository: Path) -> list[Path]:
    """All pages that are written for readers, relative to the repository."""
    named = [repository / "README.md", repository / "CONTRIBUTING.md"]
    found = [page for page in named if page.exists()]
    found += sorted(repository.glob("docs/**/*.md"))
    return [page.relative_to(repository) for page in found]
