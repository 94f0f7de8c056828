"""Refusals with the exchange's own codes and messages."""

from __future__ import annotations


class VenueError(Exception):
    """The refusal of a request, which the exchange answers with `{"code": ..., "msg": ...}`.

    :param code: the exchange's error code, negative
    :param status: HTTP status of the answer
    """

    def __init__(self, code: int, msg: str, status: int = 400) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status


def invalid_symbol() -> VenueError:
    return VenueError(-1121, "Invalid symbol.")


def invalid_pair() -> VenueError:
    return VenueError(-4144, "Invalid pair.")


def invalid_interval() -> VenueError:
    return VenueError(-1120, "Invalid interval.")


def not_trading() -> VenueError:
    return VenueError(
        -4108,
        "Symbol is on delivering or delivered or settling or closed or pre-trading.",
    )
