"""The request log: the latest requests with their outcomes, and a file of all."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

# Parameters that are never logged.
SECRETS = frozenset({"signature", "apikey", "listenkey"})
# What each line begins with, so that an earlier log is known.
_MARK = b'{"time": '
# Longest value and number of values kept of a request: ten thousand must not fill the memory.
_LONGEST, _MOST = 200, 40


def shown(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters as they are logged: without secrets, and cut to a readable length."""
    return {
        name[:_LONGEST]: value[:_LONGEST]
        for name, value in islice(parameters.items(), _MOST)
        if name.lower() not in SECRETS
    }


@dataclass
class LoggedRequest:
    """One request.

    :param number: counts from 1
    :param time: arrival by the venue's clock, ms
    :param status: status sent to the client; None when the connection ended before it was sent
    :param executed: status from the exchange itself; None when the request never reached it
    :param ms: real time that the request took
    """

    time: int
    method: str
    path: str
    parameters: dict[str, str]
    number: int = 0
    status: int | None = None
    executed: int | None = None
    ms: float = 0.0
    weight: int = 0
    faults: list[str] = field(default_factory=list)


class RequestLog:
    """:param kept: entries kept in memory; the oldest are dropped first"""

    def __init__(self, kept: int = 10_000, file: Path | None = None) -> None:
        """
        :raises OSError: when the file cannot be opened for appending
        :raises ValueError: for a file that is no request log, which lines of it would spoil
        """
        if file is not None and file.is_file():
            with file.open("rb") as earlier:
                if (head := earlier.read(len(_MARK))) and head != _MARK:
                    raise ValueError(f"log must be a new file or an earlier one, got {file}")
        self._entries: deque[LoggedRequest] = deque(maxlen=kept)
        self._file: TextIO | None = file.open("a", buffering=1) if file else None
        self.total = 0
        self.by_status: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()

    def add(self, entry: LoggedRequest) -> None:
        self.total += 1
        entry.number = self.total
        self.by_status["none" if entry.status is None else str(entry.status)] += 1
        self.by_fault.update(entry.faults)
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry)) + "\n")

    def after(self, number: int, limit: int) -> list[LoggedRequest]:
        """The first `limit` of the kept entries after entry `number`, oldest first."""
        return list(islice(self._since(number), limit))

    def _since(self, number: int) -> Iterator[LoggedRequest]:
        gone = self.total - len(self._entries)
        return islice(self._entries, max(0, number - gone), None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
