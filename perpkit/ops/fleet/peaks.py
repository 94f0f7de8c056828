"""The highest equity of a fleet so far, in `peaks.json` of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from perpkit.files.contents import content_of
from perpkit.files.errors import FileError
from perpkit.files.whole_file import put
from perpkit.ops.fleet.sums import Sum

_MOST_BYTES = 2**16


class Peak(BaseModel):
    """
    :param equity: the highest of the sum
    :param newest: the sum at the newest look
    :param accounts: that were in it
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    equity: float
    newest: float
    accounts: tuple[str, ...]


class _Peaks(BaseModel):
    by_mode: dict[str, Peak]


class PeaksError(Exception):
    """The highest equity is not known; the message is for the operator."""


@dataclass(frozen=True)
class Peaks:
    folder: Path

    def update(self, found: Sum, *, afresh: bool = False) -> float | None:
        """Returns the highest equity up to this sum; None if the sum is not known.

        :param afresh: forget what was before: money was paid in or taken out
        :raises PeaksError: if the file is damaged, or cannot be written
        """
        if found.equity is None:
            return None
        try:
            known = self._read()
            before = None if afresh else known.get(found.mode)
            peak = Peak(
                equity=max(found.equity, _carried(before, found) if before else found.equity),
                newest=found.equity,
                accounts=found.accounts,
            )
            if peak != known.get(found.mode):
                content = _Peaks(by_mode={**known, found.mode: peak})
                put(self._path, content.model_dump_json(indent=1).encode())
        except OSError as error:
            raise PeaksError(f"{self._path} cannot be used: {error.strerror or error}") from None
        except (FileError, ValidationError):
            raise PeaksError(
                f"{self._path} is damaged, so that the fleet's drawdown is not known: remove it, "
                "and the highest equity is the present one"
            ) from None
        return peak.equity

    @property
    def _path(self) -> Path:
        return self.folder / "peaks.json"

    def _read(self) -> dict[str, Peak]:
        try:
            return _Peaks.model_validate_json(content_of(self._path, _MOST_BYTES)).by_mode
        except FileNotFoundError:
            return {}


def _carried(before: Peak, found: Sum) -> float:
    """Returns the highest equity; another set of accounts has lost the same share of its own."""
    if before.accounts == found.accounts or before.newest <= 0:
        return before.equity
    return before.equity * (found.equity or 0.0) / before.newest
