"""Signed requests: who asks, when, and with which parameters.

Binance USD-M, "SIGNED (TRADE and USER_DATA) endpoint security": HMAC-SHA256 with the secret over
the query string followed by the body, both as sent, without the signature itself.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from urllib.parse import parse_qsl

from perpkit.venue.engine import Account, Engine, Refusal
from perpkit.venue.errors import VenueError

DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
# How far ahead of the exchange a client's clock may be.
AHEAD_MS = 1_000


@dataclass(frozen=True)
class Parameters:
    """Of one request, as text; each reader refuses what is missing or malformed, by its name."""

    values: dict[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name, "")
        if value:
            return value
        if default is None:
            raise Refusal.MANDATORY.error(name)
        return default

    def optional(self, name: str) -> str | None:
        return self.values.get(name) or None

    def integer(self, name: str, default: int | None = None) -> int:
        text = self.text(name, None if default is None else str(default))
        try:
            return int(text)
        except ValueError:
            raise VenueError(
                -1100,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^[0-9]{1,20}$'.",
            ) from None

    def decimal(self, name: str) -> Decimal | None:
        text = self.values.get(name)
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise VenueError(
                -1100,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            )
        return value

    def flag(self, name: str) -> bool:
        text = self.values.get(name, "false").lower()
        if text not in ("true", "false"):
            raise Refusal.INVALID_PARAMETER.error(name)
        return text == "true"


def authenticate(
    engine: Engine,
    *,
    api_key: str | None,
    query: str,
    body: str,
    now: int,
    address: str,
    trading: bool,
) -> tuple[Account, Parameters]:
    """The account behind a request, and its parameters.

    :param now: the exchange's clock, ms
    :raises VenueError: -2014 no key, -2015 unknown key or not allowed, -1022 signature, -1021 time
    """
    if not api_key:
        raise VenueError(-2014, "API-key format invalid.", 401)
    account = engine.account(api_key)
    signed = [_unsigned(part) for part in (query, body)]
    expected = hmac.new(account.secret.encode(), "".join(signed).encode(), sha256).hexdigest()
    sent = parse_qsl(f"{query}&{body}", keep_blank_values=True)
    values = dict(sent)
    if not hmac.compare_digest(expected, values.pop("signature", "")):
        raise VenueError(-1022, "Signature for this request is not valid.")
    parameters = Parameters(values)
    _check_time(parameters, now)
    account.authorize(trading=trading, address=address)
    return account, parameters


def _unsigned(sent: str) -> str:
    return "&".join(part for part in sent.split("&") if not part.startswith("signature="))


def _check_time(parameters: Parameters, now: int) -> None:
    timestamp = parameters.integer("timestamp")
    window = parameters.integer("recvWindow", DEFAULT_RECV_WINDOW_MS)
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise VenueError(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now + AHEAD_MS:
        raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - timestamp > window:
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")
