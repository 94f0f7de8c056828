"""Signed requests: authenticates the account, checks the time and reads the parameters.

Binance USD-M, "SIGNED (TRADE and USER_DATA) endpoint security": HMAC-SHA256 with the secret over
the query string followed by the body, both as sent, without the signature itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

from perpkit.durations import MINUTE_MS
from perpkit.venue.engine import Account, Engine, Refusal
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.account_terms import is_key
from perpkit.venue.http.form import decimal, duplicate, integer, read_parameters

DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = MINUTE_MS
# How far a client's clock may be ahead of the exchange's.
AHEAD_MS = 1_000


class RequestParameters:
    """The parameters of one request; reading one that is missing or malformed raises its error.

    Names are looked up without regard to case: python-binance sends `orderid` for `orderId`.

    :raises VenueError: -1101 where two names differ in case only
    """

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._values: dict[str, str] = {}
        for name, value in sent.items():
            if name.lower() in self._values:
                raise duplicate(name)
            self._values[name.lower()] = value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.optional(name)
        if value is not None:
            return value
        if default is None:
            raise Refusal.MANDATORY.error(name)
        return default

    def optional(self, name: str) -> str | None:
        return self._values.get(name.lower()) or None

    def integer(self, name: str, default: int | None = None) -> int:
        return integer(name, self.text(name, None if default is None else str(default)))

    def decimal(self, name: str) -> Decimal | None:
        text = self.optional(name)
        return None if text is None else decimal(name, text)

    def flag(self, name: str) -> bool:
        text = self._values.get(name.lower(), "false").lower()
        if text not in ("true", "false"):
            raise Refusal.INVALID_PARAMETER.error(name)
        return text == "true"


def authenticate(
    engine: Engine,
    *,
    api_key: str | None,
    query: bytes,
    body: bytes,
    content_type: str,
    now: int,
    address: str,
    trading: bool,
) -> tuple[Account, RequestParameters]:
    """Authenticates a request and returns its account and parameters.

    :param query, body: the bytes as sent, which are what the signature covers
    :param now: the exchange's clock, ms
    :raises VenueError: -2014 no key, -2015 unknown key or not allowed, -1102 no signature, -1022
        another one, -1021 time, -1101 for a parameter that is there twice
    """
    if not api_key or not is_key(api_key):
        raise VenueError(-2014, "API-key format invalid.", 401)
    account = engine.account(api_key)
    values = read_parameters(query, body, content_type)
    signed = b"".join(_unsigned(part) for part in (query, body))
    expected = hmac.new(account.secret.encode(), signed, sha256).hexdigest()
    # Case does not matter, as on the exchange; compared as bytes, since a client may send anything.
    signature = values.pop("signature", "").lower().encode("utf-8", "replace")
    if not signature:
        raise Refusal.MANDATORY.error("signature")
    if not hmac.compare_digest(expected.encode(), signature):
        raise VenueError(-1022, "Signature for this request is not valid.")
    parameters = RequestParameters(values)
    _check_time(parameters, now)
    account.authorize(trading=trading, address=address, now=now)
    return account, parameters


def identify(engine: Engine, *, api_key: str | None, address: str, now: int) -> Account:
    """Returns the account of a request that needs a key but no signature.

    :raises VenueError: -2014 no key, -2015 unknown key or not allowed
    """
    if not api_key or not is_key(api_key):
        raise VenueError(-2014, "API-key format invalid.", 401)
    account = engine.account(api_key)
    account.authorize(trading=False, address=address, now=now)
    return account


def _unsigned(sent: bytes) -> bytes:
    return b"&".join(part for part in sent.split(b"&") if not part.startswith(b"signature="))


def _check_time(parameters: RequestParameters, now: int) -> None:
    timestamp = parameters.integer("timestamp")
    window = parameters.integer("recvWindow", DEFAULT_RECV_WINDOW_MS)
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise VenueError(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now + AHEAD_MS:
        raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - timestamp > window:
        raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")
