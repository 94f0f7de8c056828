"""What an alert must pass before it is carried out; each refusal has its HTTP status and reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import ValidationError

from perpkit.ops.webhook.alert import Alert, problems_of
from perpkit.ops.webhook.authority import Addresses, has_authority
from perpkit.ops.webhook.replays import Replays

# Without authority, from one address: a mistyped secret, not a search for it.
FAILURES = RateLimitItemPerMinute(10)
MOST_BYTES = 4096


class DeniedError(Exception):
    """
    :param status: of HTTP
    :param reason: for the sender; says nothing of the secret
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Door:
    """
    :param entries: how many entries are carried out; exits are not counted
    :param window: how old an alert may be
    """

    secret: str = field(repr=False)
    addresses: Addresses = field(default_factory=Addresses)
    entries: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(10))
    window: timedelta = timedelta(seconds=60)
    now: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        # Made within the second in which this starts, which is how exact senders are.
        self._replays = Replays(self.window, self.now().replace(microsecond=0))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def meet(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns the sender, before anything is read.

        :raises DeniedError: for an address that is not allowed, or has failed too often
        """
        sender = self.addresses.sender(peer, forwarded)
        if not self.addresses.allow(sender):
            raise DeniedError(403, "this address is not allowed")
        if not self._limiter.test(FAILURES, sender):
            raise DeniedError(429, "too many requests without authority: wait a minute")
        return sender

    def admit(self, sender: str, body: bytes, signature: str | None) -> Alert:
        """Returns the alert in a body, which is admitted once.

        :param signature: the header `X-Perpkit-Signature`
        :raises DeniedError: naming what is wrong
        """
        content, said = _content(body)
        if not has_authority(self.secret, body, signature, said):
            self._limiter.hit(FAILURES, sender)
            raise DeniedError(403, "wrong or missing secret")
        try:
            alert = Alert.model_validate(content)
        except ValidationError as error:
            # The name of a field that does not belong there may be anything, too.
            problems = problems_of(error).replace(self.secret, "***")
            raise DeniedError(422, problems) from None
        # Before it is remembered, so that it can be sent again.
        if alert.wish.is_entry and not self._limiter.test(self.entries):
            raise DeniedError(429, f"more than {self.entries} entries: exits go on")
        if reason := self._replays.refusal(body, alert.time, self.now()):
            raise DeniedError(409, reason)
        if alert.wish.is_entry:
            self._limiter.hit(self.entries)
        return alert


def _content(body: bytes) -> tuple[Any, str | None]:
    """Returns what a body holds, and the secret in it; None where it is no JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    said = content.get("secret") if isinstance(content, dict) else None
    return content, said if isinstance(said, str) else None
