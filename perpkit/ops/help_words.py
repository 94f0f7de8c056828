"""How `--help` shows options."""

from __future__ import annotations

from typing import Any

from typer.core import TyperOption


def show_no_type_of_flags() -> None:
    """A flag takes no value: newer releases of typer would show `<bool>` behind each of them."""
    shown = getattr(TyperOption, "display_type_rich", None)
    if shown is None or hasattr(shown, "hides_flags"):
        return  # an older release, or done already

    def display_type_rich(self: Any, ctx: Any) -> str | None:
        if self.is_flag and self.metavar is None:
            return None
        text: str | None = shown(self, ctx)
        return text

    display_type_rich.hides_flags = True  # type: ignore[attr-defined]
    TyperOption.display_type_rich = display_type_rich  # type: ignore[method-assign]
