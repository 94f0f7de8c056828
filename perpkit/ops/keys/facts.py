"""What the exchange says of an API key and its account, read with that key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from perpkit.ops.refusals import Refusal, RefusalCause, refusal_of


@dataclass(frozen=True)
class KeyFacts:
    """
    :param skew_ms: how far the exchange's clock is ahead of this machine's
    :param in_time: signed calls are accepted with this machine's clock; what else is here was read
        with the exchange's
    :param rights: GET /sapi/v1/account/apiRestrictions
    :param account: GET /fapi/v1/accountConfig
    :param margin_types: "ISOLATED" or "CROSSED" by symbol, of open positions
    """

    skew_ms: int | Refusal
    in_time: bool
    rights: Mapping[str, Any] | Refusal
    account: Mapping[str, Any] | Refusal
    margin_types: Mapping[str, str] | Refusal


def read_facts(client: Any) -> KeyFacts:
    """Four requests, five where a position is open; nothing is changed at the exchange.

    :param client: of `exchange.exchange_client`
    """
    skew = _skew(client)
    if isinstance(skew, Refusal) and skew.why is RefusalCause.UNANSWERED:
        return KeyFacts(skew, True, skew, skew, skew)
    rights, account = _signed(client)
    in_time = RefusalCause.CLOCK not in {r.why for r in (rights, account) if isinstance(r, Refusal)}
    if in_time or isinstance(skew, Refusal):
        return KeyFacts(skew, in_time, rights, account, _margin_types(client, account))
    # With the exchange's clock the rest can still be read: a key without rights is another finding.
    before = client.options.get("timeDifference", 0)
    client.options["timeDifference"] = -skew
    try:
        rights, account = _signed(client)
        return KeyFacts(skew, in_time, rights, account, _margin_types(client, account))
    finally:
        client.options["timeDifference"] = before


def _skew(client: Any) -> int | Refusal:
    sent = client.milliseconds()
    answer = _ask(client.fapiPublicGetTime)
    if isinstance(answer, Refusal):
        return answer
    return int(answer["serverTime"]) - (sent + int(client.milliseconds())) // 2


def _signed(client: Any) -> tuple[Any, Any]:
    return _ask(client.sapiGetAccountApiRestrictions), _ask(client.fapiPrivateGetAccountConfig)


def _margin_types(client: Any, account: object) -> Mapping[str, str] | Refusal:
    if isinstance(account, Refusal):
        return account
    positions = _ask(client.fapiPrivateV3GetPositionRisk)
    if isinstance(positions, Refusal):
        return positions
    held = {each["symbol"] for each in positions if float(each["positionAmt"])}
    if not held:
        return {}
    rows = _ask(client.fapiPrivateGetSymbolConfig)
    if isinstance(rows, Refusal):
        return rows
    return {row["symbol"]: row["marginType"] for row in rows if row["symbol"] in held}


def _ask(call: Callable[[], Any]) -> Any:
    """The answer, or a `Refusal`."""
    import ccxt

    try:
        return call()
    except ccxt.BaseError as error:
        return refusal_of(error)
