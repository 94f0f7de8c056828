"""Reads the maintenance calendar from disk, again whenever the file changes."""

from __future__ import annotations

from pathlib import Path

from perpkit.breakers.maintenance import MaintenanceWindow, parse_calendar
from perpkit.files.contents import content_of, text_of
from perpkit.files.errors import FileError

_MOST_BYTES = 2**20


class CalendarFile:
    """The maintenance windows in a file; the last good ones while it is missing or broken.

    :raises FileError: naming the file and what is wrong with it, if it is bad from the start
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
        except FileError as error:
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
            text = text_of(content_of(self._path, _MOST_BYTES), str(self._path))
            return parse_calendar(text)
        except OSError as error:
            raise FileError(f"{self._path}: {error.strerror}") from error
        except FileError:
            raise
        except ValueError as error:
            raise FileError(f"{self._path}: {error}") from error
