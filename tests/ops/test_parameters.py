"""The page of parameters says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import ProtectionResolver
from freqtrade.strategy.parameters import NumericParameter
from typer.testing import CliRunner

from perpkit.bot.positions.parameters import Settings
from perpkit.bot.strategy import PerpStrategy
from perpkit.bot.watching.found import breakers
from perpkit.breakers.loss_limits import LossLimit
from perpkit.cli import app
from perpkit.ops import parameters
from perpkit.parameters.declared import declared, section_of
from perpkit.risk.scale_out import Rung
from tests.conftest import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "parameters.md"
BREAKERS = breakers()
OWN = [section for section, _ in parameters.own_sections()]
SECTIONS = [section_of(section.kind) for section in (*declared(Settings), *OWN)]
LIMITS = [of for kind in BREAKERS.values() for of in kind.LIMITS]
# Of what has fields without a default.
INSTANCES = {Rung: Rung(1.0, 0.5, 0.0), LossLimit: LossLimit(1.0, hours=24)}
EVERYTHING = [*SECTIONS, *LIMITS, *INSTANCES]
STRATEGIES = [PerpStrategy, *parameters._strategies()]


def test_the_document_is_what_the_command_prints():
    """After a change: `perpkit parameters > docs/parameters.md`."""
    printed = CliRunner().invoke(app, ["parameters"])
    assert printed.exit_code == 0
    assert printed.stdout == DOCUMENT.read_text()


def test_it_has_every_section_and_every_breaker():
    text = DOCUMENT.read_text()
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    found = sorted(path.stem for path in (REPOSITORY / "protections").glob("*.py"))
    sections = [*(section.name for section in fields(Settings)), *(s.name for s in OWN)]
    assert headings == [*sections, *found]


@pytest.mark.parametrize("of", EVERYTHING, ids=lambda of: of.__name__)
def test_what_it_calls_allowed_is_allowed_and_nothing_else(of):
    instance = INSTANCES.get(of) or of()
    for row in parameters.rows(of):
        assert row.meaning
        span = re.search(r"(\S+) to ([\d. ]+)", row.allowed)
        if span is None:
            assert "," in row.allowed or row.allowed in ("list", "object", "text")
            continue
        assert row.unit
        low, high = (float(end.replace(" ", "")) for end in span.groups())
        for beyond in (low - 1, high + 1, high + 0.5, float("inf"), "1"):
            with pytest.raises(ValueError, match=row.name):
                replace(instance, **{row.name: beyond})


@pytest.mark.parametrize("name", BREAKERS)
def test_it_names_all_that_a_breaker_takes(default_futures_config, name):
    with pytest.raises(ConfigurationError, match="Allowed") as refused:
        ProtectionResolver.load_protection(
            name, default_futures_config, {"method": name, "nonsense": 1}
        )
    allowed = str(refused.value).split("Allowed: ")[1].rstrip(".").split(", ")
    section = DOCUMENT.read_text().split(f"### {name}\n")[1].split("\n### ")[0]
    assert set(allowed) == breakers()[name].parameters()
    for parameter in allowed:
        assert f"`{parameter}`" in section


@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
def test_every_parameter_of_a_strategy_is_explained(kind):
    for name in parameters._parameters(kind):
        assert parameters.meaning(name, kind), name
    assert set(kind.searched) <= set(parameters._parameters(kind))


@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
def test_what_hyperopt_may_try_is_allowed(kind):
    of_rules = {p.name: p for rule in kind.rules for p in declared(rule)}
    of_settings = {
        name: next(
            p
            for p in declared(type(getattr(kind.settings, path.split(".")[0])))
            if p.name == path.split(".")[1]
        )
        for name, path in kind.searched.items()
    }
    own = parameters._parameters(kind)
    for name, found in (of_rules | of_settings).items():
        parameter = own.get(name)
        if isinstance(parameter, NumericParameter):
            for value in (parameter.low, parameter.high, parameter.value):
                found.kind.read(name, value)


@pytest.mark.parametrize(("name", "path"), PerpStrategy.searched.items())
def test_a_parameter_is_the_setting_that_the_page_says(
    default_futures_config, monkeypatch, name, path
):
    strategy = PerpStrategy(default_futures_config)
    section, field = path.split(".")
    parameter = getattr(strategy, name)
    for value in (parameter.low, parameter.high):
        monkeypatch.setattr(parameter, "value", value)
        assert getattr(getattr(strategy.present_settings(), section), field) == value
