"""Text of the page: figures as they are written, and names that may hold any character."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from math import isfinite

DASH = "\u2013"


def text(value: object) -> str:
    """Returns a name or a sentence as HTML; plotly reads its texts as HTML, too.

    >>> text('a<b "c"')
    'a&lt;b &quot;c&quot;'
    """
    return escape(str(value))


def percent(value: float | None, digits: int = 1) -> str:
    return _or_dash(value, lambda v: f"{v:.{digits}%}")


def number(value: float | None, digits: int = 2) -> str:
    return _or_dash(value, lambda v: f"{v:,.{digits}f}")


def money(value: float | None, currency: str = "") -> str:
    """Returns an amount with as many decimals as say something; of a bitcoin, 8 may.

    >>> money(12345.6), money(12.345), money(0.0123), money(-0.00002)
    ('12,346', '12.35', '0.0123', '-0.00002000')
    """
    if value is None:
        return DASH
    size = abs(value)
    few = 2 if size >= 0.1 or value == 0 else 4 if size >= 0.001 else 8
    digits = 0 if size >= 10_000 else few
    return f"{number(value, digits)} {currency}".strip()


def price(value: float) -> str:
    """
    >>> price(43210.5), price(0.0512349)
    ('43,210.5', '0.0512349')
    """
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def counted(count: int, one: str, many: str = "") -> str:
    """
    >>> counted(1, "trade"), counted(3, "trade"), counted(2, "entry", "entries")
    ('1 trade', '3 trades', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def tone(value: float | None) -> str:
    """Returns the class of a figure that is better above 0."""
    if value is None or not isfinite(value) or value == 0:
        return ""
    return "good" if value > 0 else "bad"


Cell = str | tuple[str, str]  # what is shown; with the class of the cell


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], caption: str = "") -> str:
    """Returns a table whose first column names the rows; all texts are escaped here."""
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    said = f"<caption>{text(caption)}</caption>" if caption else ""
    return (
        '<div class="wide" tabindex="0" role="group"><table>'
        f"{said}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def side_by_side(*tables: str) -> str:
    """Returns tables beside each other, where there is room; they are HTML."""
    return f'<div class="columns">{"".join(tables)}</div>'


def _row(cells: Sequence[Cell]) -> str:
    found = []
    for place, cell in enumerate(cells):
        shown, kind = cell if isinstance(cell, tuple) else (cell, "")
        name = f' class="{text(kind)}"' if kind else ""
        found.append(
            f'<th scope="row"{name}>{text(shown)}</th>'
            if place == 0
            else f"<td{name}>{text(shown)}</td>"
        )
    return "".join(found)


def _or_dash(value: float | None, shown: Callable[[float], str]) -> str:
    if value is None or not isfinite(value):
        return DASH
    return shown(value)
