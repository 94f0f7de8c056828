"""What the parts of the state file have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

# `*` for both.
Side = Literal["long", "short", "*"]


class StatePart(BaseModel):
    """A part of the state file; a reader skips the fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
