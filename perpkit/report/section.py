"""A section of the page, and what takes its place where the results lack something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perpkit.report.charts import Chart
from perpkit.report.view import View


@dataclass(frozen=True)
class Section:
    """
    :param name: its anchor in the page, and its name in the navigation
    :param title: says what is seen; plain text
    :param lead: one or two sentences with the figures to remember; plain text
    :param content: charts, and HTML whose texts are escaped, in their order
    :param lacks: what of it could not be shown, and why; plain text
    """

    name: str
    title: str
    lead: str
    content: Sequence[Chart | str]
    lacks: Sequence[str] = ()


@dataclass(frozen=True)
class Missing:
    """:param why: what could not be shown, and why; plain text"""

    why: str


# None: what was not asked for.
Maker = Callable[[View], Section | Missing | None]
