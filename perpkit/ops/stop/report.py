"""What an emergency stop has done, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

DONE, NOT_DONE, MISTAKE = 0, 1, 2


@dataclass
class Report:
    """Of one account.

    :param name: of the account
    :param mode: `live`, `dry-run`, or empty where it is not known
    :param latch: its file, or files
    :param latched: whether it is HALTED now
    :param bot: `alive`, `hung` or `dead`, as it was found; empty where that is not known
    :param bot_why: how that is known
    :param bot_after: `alive`, `ended`, or `out of reach` where it could not be ended
    :param flat: whether nothing of it is left; None where that is not known
    :param closed: positions, and parts of them; with `preview` all that is to be done
    :param cancelled: orders
    :param left: what is still there
    :param notes: what else is to be known
    :param problems: what could not be done, or not be known
    :param requests: sent to the exchange
    :param log: of each action
    :param alert: what became of the message
    :param mistake: the operator's, which kept it from going on
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
            return NOT_DONE if self.problems else DONE
        return DONE if self.latched and self.flat and not self.problems else NOT_DONE

    def as_dict(self) -> dict[str, Any]:
        """For JSON: its fields, and `exit_code`."""
        return {**asdict(self), "seconds": round(self.seconds, 1), "exit_code": self.exit_code}

    @classmethod
    def of(cls, content: dict[str, Any]) -> Report:
        """What another process says by `as_dict`."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in names})

    @property
    def headline(self) -> str:
        """In one line."""
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
    """Rows of a table: what, and what is said of it."""
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
    """For a chat."""
    rows = [f"{title}: {text}" for title, text in shown(report) if title != "message"]
    return "\n".join(rows)
