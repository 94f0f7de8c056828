"""Reads the maintenance calendar from disk, again whenever the file changes."""

from __future__ import annotations

from pathlib import Path

from perpkit.breakers.maintenance import MaintenanceWindow, parse_calendar


class CalendarFile:
    """The maintenance windows in a file; the last good ones while it is missing or broken.

    :raises ValueError: naming the file and what is wrong with it, if it is bad from the start
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._seen()
        self.windows: tuple[MaintenanceWindow, ...] = self._read()

    def refresh(self) -> str | None:
        """Reads the file again if it has changed, and returns what is wrong with it, if anything.

        A broken file is reported once for each change.
        """
        stamp = self._seen()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            self.windows = self._read()
        except ValueError as error:
            return f"{error}. The last good calendar ({len(self.windows)} windows) stays in force."
        return None

    def _seen(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def _read(self) -> tuple[MaintenanceWindow, ...]:
        try:
            return parse_calendar(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{self._path}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error
