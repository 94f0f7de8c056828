"""The page of parameters says what the code does."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers import ProtectionResolver
from typer.testing import CliRunner

from perpkit.bot.positions.parameters import Settings
from perpkit.bot.strategy import PerpStrategy
from perpkit.cli import app
from perpkit.ops import parameters
from tests.conftest import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "parameters.md"
OWN = list(parameters.own_sections())
SECTIONS = [getattr(Settings(), section.name) for section in fields(Settings)]
SECTIONS += [getattr(kind.settings, name) for name, kind in OWN]
LIMITS = [kind() for kinds in parameters.BREAKERS.values() for kind in kinds]
EVERYTHING = [*SECTIONS, *LIMITS, *parameters.ELEMENTS.values()]


def test_the_document_is_what_the_command_prints():
    """After a change: `perpkit parameters > docs/parameters.md`."""
    printed = CliRunner().invoke(app, ["parameters"])
    assert printed.exit_code == 0
    assert printed.stdout == DOCUMENT.read_text()


def test_it_has_every_section_and_every_breaker():
    text = DOCUMENT.read_text()
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    breakers = sorted(path.stem for path in (REPOSITORY / "protections").glob("*.py"))
    own = [name for name, _ in OWN]
    assert headings == [*(section.name for section in fields(Settings)), *own, *breakers]


@pytest.mark.parametrize("instance", EVERYTHING, ids=lambda i: type(i).__name__)
def test_what_it_calls_allowed_is_allowed_and_nothing_else(instance):
    for row in parameters.rows(instance):
        assert row.description
        span = re.search(r"(\S+) to ([\d. ]+)", row.allowed)
        if span is None:
            assert (
                "," in row.allowed
                or row.allowed in ("list", "object")
                or row.name in ("asset", "pair")
            )
            continue
        low, high = (float(end.replace(" ", "")) for end in span.groups())
        for beyond in (low - 1, high + 1, high + 0.5, float("inf"), "1"):
            with pytest.raises(ValueError, match=row.name):
                replace(instance, **{row.name: beyond})


@pytest.mark.parametrize("name", sorted(parameters.BREAKERS))
def test_it_names_all_that_a_breaker_takes(default_futures_config, name):
    with pytest.raises(ConfigurationError, match="Allowed") as refused:
        ProtectionResolver.load_protection(
            name, default_futures_config, {"method": name, "nonsense": 1}
        )
    allowed = str(refused.value).split("Allowed: ")[1].rstrip(".").split(", ")
    section = DOCUMENT.read_text().split(f"### {name}\n")[1].split("\n### ")[0]
    assert len(allowed) > 4
    for parameter in allowed:
        assert f"`{parameter}`" in section


def test_it_explains_every_parameter_of_the_base_strategy():
    assert set(parameters.HYPEROPT) == set(parameters._parameters(PerpStrategy))


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (name, meaning.strip("`"))
        for name, meaning in parameters.HYPEROPT.items()
        if re.fullmatch(r"`\w+\.\w+`", meaning)
    ],
)
def test_a_parameter_is_the_setting_that_the_page_says(
    default_futures_config, monkeypatch, name, setting
):
    strategy = PerpStrategy(default_futures_config)
    section, field = setting.split(".")
    parameter = getattr(strategy, name)
    for value in (parameter.low, parameter.high):
        monkeypatch.setattr(parameter, "value", value)
        assert getattr(getattr(strategy.present_settings(), section), field) == value


def test_descriptions_of_several_names_and_lines():
    @dataclass
    class Some:
        """Parameters.

        :param one: of
            two lines
        :param two, three: both
        :raises ValueError: never
        """

    assert parameters.descriptions(Some) == {"one": "of two lines", "two": "both", "three": "both"}


def test_a_field_without_a_description_is_an_error():
    @dataclass(frozen=True)
    class Some:
        """:param one: described"""

        one: bool = True
        two: bool = False

    with pytest.raises(KeyError, match="two"):
        parameters.rows(Some())
