"""`perpkit parameters`: every parameter of the risk stack and the breakers, as a Markdown page.

The page is generated from the declarations that the constructors check values against, so it
always agrees with the code. `docs/parameters.md` is this page, see `tests/ops/test_parameters.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from inspect import getdoc
from typing import TYPE_CHECKING, Any

from perpkit.bot.loading.plugins import own_folder
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.watching.found import breakers
from perpkit.files.class_files import module_of
from perpkit.parameters.declared import Parameter, declared, section_of

# Freqtrade loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from freqtrade.strategy.parameters import BaseParameter

    from perpkit.bot.strategy import PerpStrategy
    from perpkit.bot.watching.protection import WatchedProtection

PAGE = """\
# Parameters

Written by `perpkit parameters`. Change the code, not this page.

## Which value counts

{precedence}

`"perpkit": {{"attach": ["guard"]}}` leaves a strategy's own protections as they are. The value of a
breaker in a list counts, and a value from hyperopt's file moves only breakers that no list names.

An unknown name or a value that is not allowed stops Freqtrade before it trades, with one line that
names what is allowed. Beside the sections, `account` and `latch_dir` name the
[stop latch](emergency_stop.md#the-stop-latch), `fleet_dir` and `fleet_bot` the
[fleet](fleet.md) that a bot belongs to.

```json
"perpkit": {{
    "use": {{"kelly": true}},
    "leverage": {{"max_leverage": 2}},
    "scale_out": {{"rungs": [{{"at_r": 1.5, "share": 0.5, "stop_r": 0}}]}}
}}
```

A strategy of your own changes them with

```python
settings = replace(PerpStrategy.settings, leverage=LeverageLimit(max_leverage=2))
```

Shares, distances and rates are fractions (0.01 is 1%). Those of a price are before leverage. R is
the distance from the entry to the first stop.

## Hyperopt

{hyperopt}

{changed}

## Sections of "perpkit"

{sections}

## Breakers

A strategy lists its breakers in `protections`, or the configuration in
`"perpkit": {{"protections": [...]}}`, with the parameters that differ from these:

```python
@property
def protections(self):
    return [{{"method": "CryptoVixBreaker", "window_days": 90}}, {{"method": "DrawdownBreaker"}}]
```

Backtests and hyperopt obey them with `--enable-protections`.

{breakers}
"""

# For the page: what overrides what; tests/bot/layer/test_precedence.py holds each row.
PRECEDENCE = (
    (
        "a later row overrides an earlier one",
        "a strategy on `PerpStrategy`",
        "a strategy with the layer [attached](any-strategy.md)",
    ),
    (
        "1. the strategy",
        "its `settings`, its hyperopt defaults, its `protections`",
        "its `protections`; without a breaker of Perpkit among them, the five breakers "
        "with their defaults are added",
    ),
    (
        "2. hyperopt's file, beside the strategy, or for Perpkit's own in `user_data/strategies/`",
        "`vix_stressed`, `week_loss` and others, under the names they have always had",
        "`perpkit_vix_stressed`, `perpkit_week_loss` and others, of the added breakers only",
    ),
    (
        '3. `"perpkit": {"protections": [...]}`',
        "replaces all of the strategy's protections",
        "replaces the added breakers and breakers of Perpkit that the strategy lists; its"
        " other protections stay",
    ),
    (
        '4. `"perpkit": {"use": {...}}` and the other sections',
        "section by section, over `settings`",
        "over the defaults, for the parts that `attach` names; `use.guard` switches the "
        "guard on or off whatever `attach` names",
    ),
    (
        "5. the command line",
        "`--enable-protections` decides in backtests and hyperopt whether breakers act at all",
        "the same",
    ),
)

HEADER = ("parameter", "default", "allowed", "unit", "what it is")


def parameters() -> None:
    """Print the page of all parameters of the risk stack and the breakers, in Markdown."""
    print(page(), end="")


@dataclass(frozen=True)
class Row:
    name: str
    default: str
    allowed: str
    unit: str
    meaning: str


def page() -> str:
    from perpkit.bot.strategy import PerpStrategy

    sections = [
        f"### {section.name}\n\n{_section(section, PerpStrategy)}" for section in declared(Settings)
    ]
    for section, kind in own_sections():
        only = f"Of `{kind.__name__}` only. {_section(section, kind)}"
        sections.append(f"### {section.name}\n\n{only}")
    found = (f"### {name}\n\n{_breaker(kind)}" for name, kind in breakers().items())
    return PAGE.format(
        precedence=_table(PRECEDENCE[0], PRECEDENCE[1:]),
        hyperopt=_hyperopt(PerpStrategy),
        changed=_changed(),
        sections="\n\n".join(sections),
        breakers="\n\n".join(found),
    )


def own_sections() -> Iterator[tuple[Parameter, type[PerpStrategy]]]:
    """Yields each section that only one strategy has, with that strategy."""
    shared = {section.name for section in fields(Settings)}
    for kind in _strategies():
        own = declared(type(kind.settings))
        yield from ((section, kind) for section in own if section.name not in shared)


def rows(of: type) -> list[Row]:
    """Returns one row for each parameter of a dataclass."""
    return [
        Row(
            parameter.name,
            "required" if parameter.default is MISSING else f"`{_json(parameter.default)}`",
            parameter.allowed(of),
            parameter.unit,
            parameter.meaning,
        )
        for parameter in declared(of)
    ]


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *lines))


def _section(section: Parameter, kind: type[PerpStrategy]) -> str:
    """Returns the table of one section of `"perpkit"`."""
    paths = {path: name for name, path in kind.searched.items()}
    of = section_of(section.kind)
    assert of is not None
    searched = {row.name: paths.get(f"{section.name}.{row.name}") for row in rows(of)}
    return _tables(of, {name: f"parameter `{by}`" for name, by in searched.items() if by})


def _tables(
    of: type, set_by: dict[str, str] | None = None, hidden: frozenset[str] = frozenset()
) -> str:
    """Returns a dataclass's docstring and table, and the tables of the items in its lists.

    :param set_by: what to show in the place of a default
    :param hidden: parameters to leave out
    """
    shown = [row for row in rows(of) if row.name not in hidden]
    lines = [
        (f"`{r.name}`", (set_by or {}).get(r.name, r.default), r.allowed, r.unit, r.meaning)
        for r in shown
    ]
    parts = [" ".join((getdoc(of) or "").split()), _table(HEADER, lines)]
    for parameter in declared(of):
        if inner := section_of(parameter.kind):
            parts.append(f"Each of `{parameter.name}`:\n\n{_tables(inner)}")
    return "\n\n".join(part for part in parts if part)


def _breaker(kind: type[WatchedProtection]) -> str:
    about = " ".join((getdoc(kind) or "").split())
    return "\n\n".join([about, *(_tables(of, hidden=kind.DERIVED) for of in kind.LIMITS)])


def meaning(name: str, kind: type[PerpStrategy]) -> str | None:
    """Returns the meaning of a hyperopt parameter, or None if the strategy does not declare it."""
    if path := kind.searched.get(name):
        return f"`{path}`"
    of_rules = {p.name: p.meaning for rule in kind.rules for p in declared(rule)}
    return kind.meanings.get(name) or of_rules.get(name)


def _hyperopt(base: type[PerpStrategy]) -> str:
    strategies = list(_strategies())
    names = dict.fromkeys(name for kind in (base, *strategies) for name in _parameters(kind))
    lines = []
    for name in names:
        of_each = [_parameters(kind).get(name) for kind in (base, *strategies)]
        some = next(parameter for parameter in of_each if parameter is not None)
        space = str(some.space) if some.optimize else f"{some.space}, not by itself"
        values = [_range(parameter) if parameter else "" for parameter in of_each]
        said = next(filter(None, (meaning(name, kind) for kind in (base, *strategies))), "")
        lines.append((f"`{name}`", space, *values, said))
    header = ("parameter", "space", base.__name__, *(kind.__name__ for kind in strategies))
    return _table((*header, "what it is"), lines)


def _changed() -> str:
    """Lists the settings that the strategies shipped with Perpkit change."""
    return "\n".join(
        f"- `{kind.__name__}` sets "
        + ", ".join(f"`{path}` to {value}" for path, value in _differences(kind.settings))
        + "."
        for kind in _strategies()
        if any(_differences(kind.settings))
    )


def _differences(own: Settings) -> Iterator[tuple[str, str]]:
    for section in fields(Settings):
        mine, shared = getattr(own, section.name), getattr(Settings(), section.name)
        for field in fields(mine):
            value = getattr(mine, field.name)
            if value != getattr(shared, field.name):
                yield f"{section.name}.{field.name}", _json(value)


def _strategies() -> Iterator[type[PerpStrategy]]:
    """Yields the strategies that are shipped with Perpkit."""
    folder = own_folder("strategies")
    assert folder is not None
    for path in sorted(folder.glob("*.py")):
        yield getattr(module_of(path, f"perpkit_shipped_{path.stem}"), path.stem)


def _parameters(kind: type[PerpStrategy]) -> dict[str, BaseParameter]:
    from freqtrade.strategy.parameters import BaseParameter

    return {
        name: value
        for base in reversed(kind.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, BaseParameter)
    }


def _range(parameter: BaseParameter) -> str:
    """Formats a default and its range, such as `0.05 (0.01 to 0.06)`."""
    from freqtrade.strategy.parameters import CategoricalParameter, NumericParameter

    if isinstance(parameter, NumericParameter):
        span = f"{parameter.low:g} to {parameter.high:g}"
    else:
        assert isinstance(parameter, CategoricalParameter)
        span = ", ".join(map(_json, parameter.opt_range))
    return f"{_json(parameter.value)} ({span})"


def _json(value: Any) -> str:
    """Formats a value as JSON, as in the configuration."""
    return json.dumps(value, default=asdict)
