"""The report of an emergency stop, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

DONE, NOT_DONE, MISTAKE = 0, 1, 2


@dataclass
class Report:
    """The result for one account.

    :param name: of the account
    :param mode: `live`, `dry-run`, or empty if it is not known
    :param latch: its file, or files
    :param latched: whether it is HALTED now
    :param bot: `alive`, `hung` or `dead`, as it was found; empty if that is not known
    :param bot_why: the evidence for that
    :param bot_after: `alive`, `ended`, or `out of reach` if it could not be ended
    :param flat: whether nothing is left to close; None if that is not known
    :param closed: positions, and parts of them; with `preview` all that is to be done
    :param cancelled: orders
    :param left: what is still there
    :param notes: other facts
    :param problems: what could not be done or found out
    :param requests: how many were sent to the exchange
    :param log: the file with each action
    :param alert: the outcome of the message
    :param mistake: the operator's, which kept the stop from going on
    """

    name: str
    mode: str = ""
    preview: bool = False
    latch: list[str] = field(default_factory=list)
    latched: bool = False
    bot: str = ""
    bot_why: str = ""
    bot_after: str = ""
    flat: bool | None = None
    closed: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    log: str = ""
    alert: str = ""
    mistake: str = ""

    @property
    def exit_code(self) -> int:
        if self.mistake:
            return MISTAKE
        if self.preview:
            return NOT_DONE if self.problems or self.left else DONE
        return DONE if self.latched and self.flat and not self.problems else NOT_DONE

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields and `exit_code`, for JSON."""
        return {**asdict(self), "seconds": round(self.seconds, 1), "exit_code": self.exit_code}

    @classmethod
    def of(cls, content: dict[str, Any]) -> Report:
        """Restores the report that another process has written by `as_dict`."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in names})

    @property
    def headline(self) -> str:
        """The result in one line."""
        where = f"{self.name} ({self.mode})" if self.mode else self.name
        if self.mistake:
            return f"{where}: {self.mistake}"
        if self.preview:
            return f"{where}: a preview, nothing was sent or written"
        latched = "latched" if self.latched else "NOT LATCHED"
        if self.mode == "dry-run" and self.flat:
            return f"{where}: {latched}, nothing is at the exchange, in {self.seconds:.1f} s"
        flat = {True: "flat", False: "NOT FLAT", None: "not known whether it is flat"}[self.flat]
        return f"{where}: {flat}, {latched}, in {self.seconds:.1f} s"


def shown(report: Report) -> Iterator[tuple[str, str]]:
    """Yields the rows of a table: title and text."""
    yield "account", report.headline
    if report.latch and not report.mistake:
        state = "would be HALTED" if report.preview else "HALTED" if report.latched else "as it was"
        yield from (("stop latch", f"{path}: {state}") for path in report.latch)
    if report.bot:
        after = f"; {report.bot_after} now" if report.bot_after else ""
        yield "bot", f"{report.bot}: {report.bot_why}{after}"
    yield from (("to do" if report.preview else "closed", text) for text in report.closed)
    yield from (("cancelled", text) for text in report.cancelled)
    yield from (("LEFT", text) for text in report.left)
    yield from (("PROBLEM", text) for text in report.problems)
    yield from (("note", text) for text in report.notes)
    if report.requests:
        yield "requests", f"{report.requests} to the exchange"
    if report.alert:
        yield "message", report.alert
    if report.log:
        yield "log", report.log


def message(report: Report) -> str:
    """Formats the report as a chat message."""
    rows = [f"{title}: {text}" for title, text in shown(report) if title != "message"]
    return "\n".join(rows)
