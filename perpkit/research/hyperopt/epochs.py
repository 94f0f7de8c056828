"""The epochs of a hyperopt run, from the file that Freqtrade writes: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from perpkit.checks import is_number
from perpkit.files.contents import json_of
from perpkit.files.errors import FileError

# Of an epoch with all of its trades: one of 20,000 has about 40 MiB.
_MOST_BYTES = 2**28
# The loss that Freqtrade gives to too few trades: it says nothing of the parameters' neighbours.
_MAX_LOSS = 100_000


@dataclass(frozen=True)
class Epoch:
    """
    :param number: as Freqtrade counts them, from 1
    :param loss: lower is better
    :param params: by name
    :param profit: a fraction of the starting balance, as Freqtrade computes it
    """

    number: int
    loss: float
    params: Mapping[str, Any]
    trades: int
    profit: float

    @property
    def rated(self) -> bool:
        """Whether it traded enough to have a loss of its own."""
        return is_rated(self.loss)


def is_rated(loss: float) -> bool:
    """Returns whether a loss is of parameters that traded enough to have one of their own."""
    return isfinite(loss) and loss < _MAX_LOSS


def read_epochs(path: Path) -> list[Epoch]:
    """Returns all epochs, in the order of the file.

    :raises FileError: if it is not a result of hyperopt, or has no epoch
    """
    return [epoch for epoch, _, _ in read_lines(path)]


def read_lines(path: Path) -> Iterator[tuple[Epoch, Mapping[str, Any], str]]:
    """Yields each epoch with all that its line holds, and where that is; one at a time in memory.

    :raises FileError: if it is not a result of hyperopt, or has no epoch
    """
    empty = True
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_BYTES), b""), 1):
                if line.strip():
                    where = f"{path}, line {number}"
                    yield *_epoch(line, where, number), where
                    empty = False
    except OSError as error:
        raise FileError(f"hyperopt must be a file, got {path}: {error.strerror}") from error
    if empty:
        raise FileError(f"hyperopt must be a result of Freqtrade's hyperopt, got {path}: no epoch")


def _epoch(line: bytes, where: str, number: int) -> tuple[Epoch, Mapping[str, Any]]:
    try:
        found = json_of(line, where)
        loss, params = found["loss"], found["params_dict"]
        if not (is_number(loss) and isinstance(params, dict) and params):
            raise ValueError("loss and params_dict")
        metrics = found.get("results_metrics") or {}
        epoch = Epoch(
            int(found.get("current_epoch") or number),
            float(loss),
            params,
            int(metrics.get("total_trades") or 0),
            float(found.get("total_profit") or 0.0),
        )
        return epoch, found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(
            f"hyperopt must be a result of Freqtrade's hyperopt (.fthypt), got {where}"
        ) from error
