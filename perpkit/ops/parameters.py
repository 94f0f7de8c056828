"""`perpkit parameters`: every parameter of the risk stack and the breakers, as a Markdown page.

Names, types and defaults come from the dataclasses, descriptions from their docstrings, and what is
allowed from the very error that a wrong value raises, so the page cannot say anything else than the
code. `docs/parameters.md` is this page, see `tests/ops/test_parameters.py`.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from enum import EnumMeta
from inspect import cleandoc
from math import nan
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from perpkit.bot.loading.plugins import own_folder
from perpkit.bot.positions.parameters import Settings
from perpkit.breakers.drawdown import DrawdownLimits
from perpkit.breakers.flash_crash import FlashCrashLimits
from perpkit.breakers.funding import FundingLimits
from perpkit.breakers.loss_limits import LossLimit
from perpkit.breakers.maintenance import MaintenanceLimits
from perpkit.breakers.market_halt import HaltLimits
from perpkit.breakers.venue_health import HealthLimits
from perpkit.breakers.volatility import VolatilityLimits
from perpkit.risk.scale_out import Rung

# Freqtrade loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from freqtrade.strategy.parameters import BaseParameter

    from perpkit.bot.strategy import PerpStrategy

PAGE = """\
# Parameters

Written by `perpkit parameters`. Change the code, not this page.

Parameters come from three places; a later one overrides an earlier one:

1. the strategy: its `settings`, and the defaults of its hyperopt parameters;
2. what hyperopt has found, in the file beside the strategy;
3. the object `"perpkit"` of the configuration, section by section. An unknown name or a value that
   is not allowed stops Freqtrade before it trades, with one line that names what is allowed. Beside
   the sections, `account` and `latch_dir` name the [stop latch](emergency_stop.md#the-stop-latch).

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

A strategy lists its breakers in `protections`, with the parameters that differ from these:

```python
@property
def protections(self):
    return [{{"method": "CryptoVixBreaker", "window_days": 90}}, {{"method": "DrawdownBreaker"}}]
```

Backtests and hyperopt obey them with `--enable-protections`.

{breakers}
"""

# Which setting a parameter of the base strategy is, or what it is otherwise.
HYPEROPT = {
    "stop_distance": "`stop.distance`",
    "trail_atr": "`trailing.atr_multiple`",
    "risk_per_trade": "`sizing.risk_per_trade`",
    "take_profit": "distance from the entry at which all that is left is sold, after fees",
    "vix_stressed": "`stressed_percentile` of `CryptoVixBreaker`, its release 2 below",
    "vix_calm_hours": "`calm_candles` of `CryptoVixBreaker`",
    "week_loss": "`week_loss` of `DrawdownBreaker`",
    "flash_move": "move of the first of the `windows` of `FlashCrashBreaker`, 1.5 times it in 4 h",
    "funding_extreme": "`extreme_percentile` of `FundingBreaker`, its release 3 below",
}

# Of each breaker, the dataclasses of its parameters; further ones are told by its docstring.
BREAKERS: dict[str, tuple[type, ...]] = {
    "CryptoVixBreaker": (VolatilityLimits,),
    "DrawdownBreaker": (DrawdownLimits,),
    "FlashCrashBreaker": (FlashCrashLimits, HaltLimits),
    "FundingBreaker": (FundingLimits,),
    "VenueHealthBreaker": (HealthLimits, MaintenanceLimits),
}
# What the breakers work out themselves.
DERIVED = {"asset", "clear_hours", "timeframe_minutes"}
DERIVED_OF = {FlashCrashLimits: {"pair"}, HaltLimits: {"pair"}}
# What the lists among the parameters hold.
ELEMENTS: dict[str, Any] = {"rungs": Rung(1.0, 0.5, 0.0), "limits": LossLimit(1.0, hours=24)}
HEADER = ("parameter", "default", "allowed", "what it is")

_NUMBER = re.compile(r"must be a (?P<whole>whole )?number from (?P<low>\S+) to (?P<high>\S+), got")
_PARAM = re.compile(r":param ([\w, ]+):\s*(.*)")


def parameters() -> None:
    """Print the page of all parameters of the risk stack and the breakers, in Markdown."""
    print(page(), end="")


@dataclass(frozen=True)
class Row:
    name: str
    default: str
    allowed: str
    description: str


def page() -> str:
    from perpkit.bot.strategy import PerpStrategy

    settings, names = PerpStrategy.settings, [section.name for section in fields(Settings)]
    sections = [f"### {name}\n\n{_section(getattr(settings, name), name)}" for name in names]
    for name, kind in own_sections():
        only = f"Of `{kind.__name__}` only. {_section(getattr(kind.settings, name), name)}"
        sections.append(f"### {name}\n\n{only}")
    breakers = (f"### {name}\n\n{_breaker(name)}" for name in BREAKERS)
    return PAGE.format(
        hyperopt=_hyperopt(PerpStrategy),
        changed=_changed(),
        sections="\n\n".join(sections),
        breakers="\n\n".join(breakers),
    )


def own_sections() -> Iterator[tuple[str, type[PerpStrategy]]]:
    """Sections that a strategy has beside those of all, and the strategy."""
    shared = {section.name for section in fields(Settings)}
    for kind in _strategies():
        yield from ((s.name, kind) for s in fields(kind.settings) if s.name not in shared)


def rows(instance: Any) -> list[Row]:
    """The parameters of a dataclass, with the defaults of its class.

    :param instance: any valid one, to try values on
    """
    described, types = descriptions(type(instance)), get_type_hints(type(instance))
    return [
        Row(
            field.name,
            _default(field),
            _allowed(instance, field, types[field.name]),
            described[field.name],
        )
        for field in fields(instance)
    ]


def descriptions(kind: type) -> dict[str, str]:
    """What the docstring says of each parameter.

    :raises KeyError: when a field is looked up that it does not mention
    """
    found: dict[str, str] = {}
    # A paragraph is a line and those below it that are indented.
    for paragraph in re.split(r"\n(?!\s)", cleandoc(kind.__doc__ or "")):
        match = _PARAM.match(" ".join(paragraph.split()))
        if match:
            names, text = match.groups()
            found |= dict.fromkeys(re.split(r",\s*", names), text)
    return found


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"`{_json(field.default)}`"
    return "required" if field.default_factory is MISSING else f"`{_json(field.default_factory())}`"


def _allowed(instance: Any, field: Field[Any], kind: Any) -> str:
    """What a value must be, by the error that a wrong one raises."""
    if kind is bool:
        return "true, false"
    if isinstance(kind, EnumMeta):
        return ", ".join(map(str, kind))
    number = _NUMBER.search(_refusal(instance, field.name, nan) or "")
    if number is None:
        return "object" if get_origin(kind) is Mapping else "list"
    zero = "0 or " if float(number["low"]) > 0 and not _refusal(instance, field.name, 0) else ""
    whole = "whole, " if number["whole"] else ""
    null = " or null" if "None" in str(kind) else ""
    return f"{zero}{whole}{_plain(number['low'])} to {_plain(number['high'])}{null}"


def _refusal(instance: Any, name: str, value: object) -> str | None:
    try:
        replace(instance, **{name: value})
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *lines))


def _section(instance: Any, name: str = "") -> str:
    """The table of one dataclass, below what its docstring says before the parameters."""
    set_by = {setting: f"parameter `{parameter}`" for parameter, setting in HYPEROPT.items()}
    kind = type(instance)
    shown = [row for row in rows(instance) if row.name not in DERIVED | DERIVED_OF.get(kind, set())]
    table = _table(
        HEADER,
        [
            (
                f"`{row.name}`",
                set_by.get(f"`{name}.{row.name}`", row.default),
                row.allowed,
                row.description,
            )
            for row in shown
        ],
    )
    parts = [_intro(kind.__doc__), table]
    parts += [
        f"Each of `{row.name}`:\n\n{_section(ELEMENTS[row.name])}"
        for row in shown
        if row.name in ELEMENTS
    ]
    return "\n\n".join(part for part in parts if part)


def _breaker(name: str) -> str:
    folder = own_folder("protections")
    assert folder is not None
    module = ast.parse((folder / f"{name}.py").read_text())
    (found,) = (
        node for node in module.body if isinstance(node, ast.ClassDef) and node.name == name
    )
    about = " ".join((ast.get_docstring(found) or "").split())
    return "\n\n".join([about, *(_section(kind()) for kind in BREAKERS[name])])


def _intro(docstring: str | None) -> str:
    text = " ".join(cleandoc(docstring or "").split(":param")[0].split())
    text = re.sub(r"^Parameters[.,] ?", "", text)
    return text[:1].upper() + text[1:]


def _hyperopt(base: type[PerpStrategy]) -> str:
    strategies = list(_strategies())
    names = dict.fromkeys(name for kind in (base, *strategies) for name in _parameters(kind))
    lines = []
    for name in names:
        of_each = [_parameters(kind).get(name) for kind in (base, *strategies)]
        some = next(parameter for parameter in of_each if parameter is not None)
        space = str(some.space) if some.optimize else f"{some.space}, not by itself"
        values = [_range(parameter) if parameter else "" for parameter in of_each]
        lines.append((f"`{name}`", space, *values, HYPEROPT.get(name, "its own signals")))
    header = ("parameter", "space", base.__name__, *(kind.__name__ for kind in strategies))
    return _table((*header, "what it is"), lines)


def _changed() -> str:
    """What the strategies that come with Perpkit have made of the settings."""
    return "\n".join(
        f"- `{kind.__name__}` sets "
        + ", ".join(f"`{path}` to {value}" for path, value in _differences(kind.settings))
        + "."
        for kind in _strategies()
        if kind.settings != Settings()
    )


def _differences(own: Settings) -> Iterator[tuple[str, str]]:
    for section in fields(Settings):
        mine, shared = getattr(own, section.name), getattr(Settings(), section.name)
        for field in fields(mine):
            value = getattr(mine, field.name)
            if value != getattr(shared, field.name):
                yield f"{section.name}.{field.name}", _json(value)


def _strategies() -> Iterator[type[PerpStrategy]]:
    """Those that come with Perpkit."""
    folder = own_folder("strategies")
    assert folder is not None
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield getattr(module, path.stem)


def _parameters(kind: type[PerpStrategy]) -> dict[str, BaseParameter]:
    from freqtrade.strategy.parameters import BaseParameter

    return {
        name: value
        for base in reversed(kind.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, BaseParameter)
    }


def _range(parameter: BaseParameter) -> str:
    """Default and range, such as `0.05 (0.01 to 0.06)`."""
    from freqtrade.strategy.parameters import CategoricalParameter, NumericParameter

    if isinstance(parameter, NumericParameter):
        span = f"{parameter.low:g} to {parameter.high:g}"
    else:
        assert isinstance(parameter, CategoricalParameter)
        span = ", ".join(map(_json, parameter.opt_range))
    return f"{_json(parameter.value)} ({span})"


def _json(value: Any) -> str:
    """As in the configuration."""
    return json.dumps(value, default=asdict)


def _plain(number: str) -> str:
    return f"{float(number):,.0f}".replace(",", " ") if "e" in number else number
