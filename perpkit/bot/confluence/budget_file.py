"""Reads what walk-forward found of each source, for budgets by out-of-sample risk."""

from __future__ import annotations

from pathlib import Path

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.confluence.parameters import ConfluenceRule, SourceChoice
from perpkit.files.contents import content_of, json_of
from perpkit.parameters.kinds import Section
from perpkit.risk.budgets import Budgets, OutOfSample, by_risk, equal, fixed

_MOST_BYTES = 2**20


def budgets_of(
    rule: ConfluenceRule, enabled: dict[str, SourceChoice], folder: Path
) -> dict[str, float]:
    """Returns the budget of each enabled source.

    :param enabled: by name of the source
    :param folder: the user directory
    :raises ConfigurationError: naming the field, or the file and what is wrong with it
    """
    if rule.budgets is Budgets.EQUAL:
        return equal(list(enabled))
    if rule.budgets is Budgets.FIXED:
        try:
            return fixed({name: choice.budget for name, choice in enabled.items()})
        except ValueError as error:
            raise ConfigurationError(f'"perpkit.confluence": {error}') from error
    path = folder / rule.budgets_file
    try:
        return by_risk(list(enabled), read(path))
    except OSError as error:
        why = f"{path}: {error.strerror}"
    except ValueError as error:
        why = str(error) if str(path) in str(error) else f"{path}: {error}"
    raise ConfigurationError(f'"perpkit.confluence.budgets_file": {why}')


def read(path: Path) -> OutOfSample:
    """Returns what a file holds.

    :raises ValueError: naming the field that is wrong
    :raises OSError: if it cannot be read
    """
    content = json_of(content_of(path, _MOST_BYTES), str(path))
    found: OutOfSample = Section(OutOfSample).read("the file", content)
    return found
