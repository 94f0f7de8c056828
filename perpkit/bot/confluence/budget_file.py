"""The budget of each source, as the configuration has it."""

from __future__ import annotations

from pathlib import Path

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.confluence.parameters import ConfluenceRule, SourceChoice
from perpkit.risk.budget_file import read
from perpkit.risk.budgets import Budgets, by_risk, equal, fixed


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
