"""Every dataclass of parameters there is, found by walking the packages: none by a list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from inspect import getdoc, getmembers, isclass
from typing import Any, get_type_hints

import pytest

import perpkit
from perpkit.bot.confluence.parameters import SourceChoice
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.loss_limits import LossLimit
from perpkit.breakers.loss_streak import StreakLimit
from perpkit.market.coverage import ReadingSpan
from perpkit.parameters.declared import Parameters, declared
from perpkit.parameters.kinds import Number, OrNull, Section
from perpkit.risk.budgets import OutOfSample, SourceRisk
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.scale_out import Rung
from tests.bench.wrong_values import WRONG, could_be

PACKAGES = ("risk", "execution", "market", "signals", "breakers", "bot")
# Of fields without a default.
REQUIRED: dict[type, dict[str, Any]] = {
    Hysteresis: {"trip": 2.0, "release": 1.0},
    LossLimit: {"loss": 0.1, "hours": 24.0},
    MaintenanceTier: {"floor": 0.0, "rate": 0.01, "amount": 0.0, "max_leverage": 20.0},
    MaintenanceTiers: {"rows": (MaintenanceTier(0.0, 0.01, 0.0, 20.0),)},
    OutOfSample: {"sources": {"rsi_sma": SourceRisk(0.01, 365)}},
    Rung: {"at_r": 1.0, "share": 0.5, "stop_r": 0.0},
    SourceChoice: {"source": "rsi_sma"},
    SourceRisk: {"daily_volatility": 0.01, "days": 365},
    StreakLimit: {"losses": 3, "hours": 12.0},
    ReadingSpan: {
        "first": datetime(2024, 1, 1, tzinfo=UTC),
        "last": datetime(2024, 1, 2, tzinfo=UTC),
    },
}


def classes() -> Iterator[type]:
    """Every dataclass that a module of the packages defines."""
    for package in PACKAGES:
        found = importlib.import_module(f"perpkit.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"perpkit.{package}."):
            if module.name.endswith(".hook"):  # prepares Freqtrade where it is imported
                continue
            try:
                imported = importlib.import_module(module.name)
            except ModuleNotFoundError as error:  # of an extra that `make test` does without
                if error.name not in ("torch", "stable_baselines3", "gymnasium"):
                    raise
                continue
            for _, kind in getmembers(imported, isclass):
                if kind.__module__ == module.name and is_dataclass(kind):
                    yield kind


DATACLASSES = sorted(classes(), key=lambda kind: (kind.__module__, kind.__name__))
DECLARED = [kind for kind in DATACLASSES if issubclass(kind, Parameters)]
# Bases that say no measure of their own.
CASES = [kind for kind in DECLARED if not getattr(kind, "__abstractmethods__", None)]


def names(kind: type) -> str:
    return kind.__name__


def test_they_are_found():
    assert perpkit.__name__ == "perpkit"
    assert len(CASES) > 40
    assert {"SizingRule", "FundingBand", "HealthLimits", "Settings", "BasketSettings"} <= {
        kind.__name__ for kind in CASES
    }


@pytest.mark.parametrize("kind", DATACLASSES, ids=names)
def test_what_declares_or_checks_a_parameter_has_the_base_that_checks_all(kind):
    own = vars(kind).get("__post_init__")
    constants = own.__code__.co_names if own is not None else ()
    checks = {"ValueError", "check_range"} & set(constants)
    ranged = any("Range(" in str(note) for note in vars(kind).get("__annotations__", {}).values())
    assert issubclass(kind, Parameters) or not (checks or ranged)


@pytest.mark.parametrize("kind", DECLARED, ids=names)
def test_every_field_says_what_it_is_and_every_number_its_range_and_unit(kind):
    assert getdoc(kind)
    for parameter in declared(kind):
        where = f"{kind.__name__}.{parameter.name}"
        if isinstance(parameter.kind, Section):
            continue  # its own fields do
        assert parameter.meaning[:1] in parameter.meaning[:1].upper() + "`", where
        assert len(parameter.meaning) > 5, where
        inner = parameter.kind.kind if isinstance(parameter.kind, OrNull) else parameter.kind
        if isinstance(inner, Number) and kind is not Hysteresis:  # which takes any figure
            assert inner.span.low > -float("inf"), where
            assert parameter.unit, where


@pytest.mark.parametrize("kind", CASES, ids=names)
def test_every_wrong_value_is_one_error_that_names_the_field(kind):
    """A type that cannot be meant is refused by the field's name; another value may be taken, or
    be refused because of the fields that it must fit together with."""
    hints = get_type_hints(kind)
    given = REQUIRED.get(kind, {})
    assert kind(**given) == kind(**given)
    every = [field.name for field in fields(kind)]
    for field in fields(kind):
        for value in WRONG:
            try:
                kind(**{**given, field.name: value})
            except ValueError as error:
                message = str(error)
                if could_be(hints[field.name], value):
                    assert any(name in message for name in every), (field.name, value, message)
                else:
                    assert message.startswith(field.name), (field.name, value, message)
                    assert "must be" in message or "has no" in message or "missing" in message
                assert "\n" not in message
            else:
                assert could_be(hints[field.name], value), (kind, field.name, value)


@pytest.mark.parametrize("kind", CASES, ids=names)
def test_both_ends_of_every_range_are_allowed_and_nothing_beyond(kind):
    given = REQUIRED.get(kind, {})
    for parameter in declared(kind):
        span = parameter.span
        ends = [] if span is None else [(span.low, -1), (span.high, 1)]
        for end, sign in ends:
            if isinstance(end, int | float) and abs(end) < 1e300:
                with pytest.raises(ValueError, match=f"{parameter.name} must be"):
                    kind(**{**given, parameter.name: end + sign * max(1, abs(end))})
                parameter.kind.read(parameter.name, int(end) if end == int(end) else end)


@pytest.mark.parametrize("kind", CASES, ids=names)
def test_required_fields_have_an_example_here(kind):
    required = {parameter.name for parameter in declared(kind) if parameter.default is MISSING}
    assert required <= REQUIRED.get(kind, {}).keys()


@pytest.mark.parametrize("kind", CASES, ids=names)
def test_words_become_members_of_their_enumeration(kind):
    """What compares them with `is` relies on it."""
    for parameter in declared(kind):
        options = getattr(parameter.kind, "allowed", ())
        if isclass(options) and issubclass(options, Enum):
            for member in options:
                given = {**REQUIRED.get(kind, {}), parameter.name: member.value}
                with suppress(ValueError):  # of other fields, which a member may need
                    assert getattr(kind(**given), parameter.name) is member
