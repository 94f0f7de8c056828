"""Reads what the exchange reports about an API key and its account, with that key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from perpkit.ops.refusals import Refusal, RefusalCause, refusal_of

# Maintenance, a proxy or the page of a hotel's network may answer in the exchange's place.
_ELSE = Refusal(RefusalCause.UNANSWERED, None, "the answer is not the exchange's")


@dataclass(frozen=True)
class KeyFacts:
    """What the exchange reports about a key and its account.

    :param skew_ms: milliseconds by which the exchange's clock is ahead of this machine's
    :param in_time: whether signed calls are accepted with this machine's clock; if not, the other
        facts were read with the exchange's clock
    :param rights: GET /sapi/v1/account/apiRestrictions
    :param account: GET /fapi/v1/accountConfig
    :param margin_types: "ISOLATED" or "CROSSED" by symbol, of open positions
    :param held: amounts by coin as a bot reads them, in multi-assets mode only
    """

    skew_ms: int | Refusal
    in_time: bool
    rights: Mapping[str, Any] | Refusal
    account: Mapping[str, Any] | Refusal
    margin_types: Mapping[str, str] | Refusal
    held: Mapping[str, float] | Refusal


def read_facts(client: Any) -> KeyFacts:
    """Reads the facts with four requests, one more if a position is open, and one in multi-assets
    mode; changes nothing.

    :param client: from `exchange.exchange_client`
    """
    skew = _skew(client)
    if isinstance(skew, Refusal) and skew.why is RefusalCause.UNANSWERED:
        return KeyFacts(skew, True, skew, skew, skew, skew)
    rights, account = _signed(client)
    in_time = RefusalCause.CLOCK not in {r.why for r in (rights, account) if isinstance(r, Refusal)}
    if in_time or isinstance(skew, Refusal):
        return KeyFacts(skew, in_time, rights, account, *_of_account(client, account))
    # The rest can be read with the exchange's clock, so that a key without rights is reported, too.
    before = client.options.get("timeDifference", 0)
    client.options["timeDifference"] = -skew
    try:
        rights, account = _signed(client)
        return KeyFacts(skew, in_time, rights, account, *_of_account(client, account))
    finally:
        client.options["timeDifference"] = before


def _skew(client: Any) -> int | Refusal:
    sent = client.milliseconds()
    answer = _ask(client.fapiPublicGetTime, "serverTime")
    if isinstance(answer, Refusal):
        return answer
    return int(answer["serverTime"]) - (sent + int(client.milliseconds())) // 2


def _signed(client: Any) -> tuple[Any, Any]:
    return (
        _ask(client.sapiGetAccountApiRestrictions, "enableReading"),
        _ask(client.fapiPrivateGetAccountConfig, "dualSidePosition", "multiAssetsMargin"),
    )


def _of_account(client: Any, account: object) -> tuple[Any, Any]:
    return _margin_types(client, account), _held(client, account)


def _margin_types(client: Any, account: object) -> Mapping[str, str] | Refusal:
    if isinstance(account, Refusal):
        return account
    positions = _ask(client.fapiPrivateV3GetPositionRisk, "symbol", "positionAmt", kind=list)
    if isinstance(positions, Refusal):
        return positions
    held = {each["symbol"] for each in positions if float(each["positionAmt"])}
    if not held:
        return {}
    rows = _ask(client.fapiPrivateGetSymbolConfig, "symbol", "marginType", kind=list)
    if isinstance(rows, Refusal):
        return rows
    return {row["symbol"]: row["marginType"] for row in rows if row["symbol"] in held}


def _held(client: Any, account: Any) -> Mapping[str, float] | Refusal:
    if isinstance(account, Refusal):
        return account
    if not is_true(account["multiAssetsMargin"]):
        return {}
    balances = _ask(client.fapiPrivateV3GetAccount, "assets")
    if isinstance(balances, Refusal):
        return balances
    if not isinstance(balances["assets"], list):
        return _ELSE
    # It leaves out assets that were never used, as for a bot.
    held: dict[str, float] = client.parse_balance_custom(balances, "linear")["total"]
    return held


def is_true(value: object) -> bool:
    """Whether an answer says so: a signed one has words, or JSON's own."""
    return str(value).lower() == "true"


def _ask(call: Callable[[], Any], *names: str, kind: type = dict) -> Any:
    """Calls the exchange and returns its answer, or a `Refusal`.

    :param names: that the answer has, or each row of a list
    """
    import ccxt

    try:
        answer = call()
    except ccxt.BaseError as error:
        return refusal_of(error)
    rows = answer if kind is list else [answer]
    if isinstance(answer, kind) and all(
        isinstance(row, dict) and row.keys() >= {*names} for row in rows
    ):
        return answer
    return _ELSE
