"""The budget of each source, as the configuration has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
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
    with _refusing(path := folder / rule.budgets_file):
        return by_risk(list(enabled), read(path))


def measured_until(
    rule: ConfluenceRule, enabled: Collection[str], folder: Path
) -> dict[str, date | None]:
    """Returns the day on which the tests had ended by which the budget of each source was measured,
    None where the file does not say; nothing for budgets that were not measured.

    :raises ConfigurationError: as `budgets_of`
    """
    if rule.budgets is not Budgets.OUT_OF_SAMPLE:
        return {}
    with _refusing(path := folder / rule.budgets_file):
        days = {name: each.until for name, each in read(path).sources.items()}
    return {name: date.fromisoformat(day) if (day := days.get(name)) else None for name in enabled}


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turns what is wrong with the file into a `ConfigurationError` that names it."""
    try:
        yield
    except OSError as error:
        why = f"{path}: {error.strerror}"
    except ValueError as error:
        why = str(error) if str(path) in str(error) else f"{path}: {error}"
    else:
        return
    raise ConfigurationError(f'"perpkit.confluence.budgets_file": {why}')
