"""Judges an API key by what the exchange reports about it.

A good key can do what the bot does and no more: read, and trade futures, from the bot's addresses
only. Its account must be in the modes that the configuration requires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from perpkit.market.credits import contradiction, margin_mode
from perpkit.ops.keys.facts import KeyFacts, is_true
from perpkit.ops.keys.finding import KeyFinding
from perpkit.ops.level import Level
from perpkit.ops.refusals import Refusal, RefusalCause

ROTATE_AFTER_DAYS = 90
EXPIRES_SOON = timedelta(days=14)
# The exchange refuses requests (-1021) that are one second ahead of its clock or, with ccxt's
# `recvWindow`, ten seconds behind it. Half of the nearer bound is reported as a warning.
UNEASY_MS = 500

_MANAGE = "binance.com > API Management > Edit restrictions"
_MOVES_MONEY = {
    "enableWithdrawals": "withdrawals",
    "enableInternalTransfer": "internal transfers",
    "permitsUniversalTransfer": "universal transfers",
}
_NEEDED = ("enableReading", "enableFutures")
_OTHER_RIGHTS = {
    "enableSpotAndMarginTrading": "spot and margin trading",
    "enableMargin": "margin loans and transfers",
    "enableVanillaOptions": "options",
    "enablePortfolioMarginTrading": "portfolio margin",
    "enableFixApiTrade": "trading by FIX",
    "enableFixReadOnly": "reading by FIX",
}


def verdict(
    facts: KeyFacts,
    config: Mapping[str, Any],
    now: datetime,
    *,
    rotate_after_days: int = ROTATE_AFTER_DAYS,
) -> list[KeyFinding]:
    """Runs every check once, in a fixed order.

    :param config: Freqtrade's; `margin_mode`, `proxy_coin` and `stake_currency` are read
    :param now: timezone-aware
    """
    rights = facts.rights
    if isinstance(rights, Refusal):
        names = ("reading", "futures", "withdrawals", "transfers", "addresses", "other rights")
        of_key = [_skipped(name) for name in (*names, "age", "expiry")]
    else:
        of_key = [*_rights(rights, facts), *_dates(rights, now, rotate_after_days)]
    return [_clock(facts), _signed_call(facts), *of_key, *_modes(facts, config)]


def _clock(facts: KeyFacts) -> KeyFinding:
    skew = facts.skew_ms
    fix = "synchronise this machine's clock (chrony, systemd-timesyncd, w32time)"
    if isinstance(skew, Refusal):
        words = f"the exchange's clock cannot be read: {skew}"
        return KeyFinding("clock", Level.FAIL, words, "check the network, then try again")
    side = "behind" if skew > 0 else "ahead of"
    words = f"{abs(skew)} ms {side} the exchange's"
    if not facts.in_time:
        return KeyFinding("clock", Level.FAIL, f"{words}: it refuses signed requests (-1021)", fix)
    if abs(skew) > UNEASY_MS:
        return KeyFinding("clock", Level.WARN, f"{words}: near what it refuses", fix)
    return KeyFinding("clock", Level.OK, words)


def _signed_call(facts: KeyFacts) -> KeyFinding:
    """Whether the exchange accepts the key at all; its wallet and futures APIs may differ."""
    refused = [r for r in (facts.rights, facts.account) if isinstance(r, Refusal)]
    if not refused:
        return KeyFinding("signed call", Level.OK, "accepted by the wallet and the futures API")
    first = refused[0]
    if (
        len(refused) == 1
        and isinstance(facts.account, Refusal)
        and first.why is RefusalCause.RIGHTS
    ):
        words = f"accepted by the wallet API, refused by the futures API: {first}"
        fix = (
            "allow futures for the key; one made before the futures account was opened never works "
            "there: make a new one"
        )
        return KeyFinding("signed call", Level.FAIL, words, fix)
    return KeyFinding("signed call", Level.FAIL, f"refused: {first}", _way_out(first))


def _way_out(refusal: Refusal) -> str:
    match refusal.why:
        case RefusalCause.SIGNATURE:
            return "the secret is not the one of this key: store both again"
        case RefusalCause.FORMAT | RefusalCause.UNKNOWN_KEY:
            return "the exchange does not know this key: compare it with API Management"
        case RefusalCause.RIGHTS:
            return (
                "the exchange does not say which: the key may be deleted, this machine's address "
                f"not among its trusted IPs, or reading not allowed ({_MANAGE})"
            )
        case RefusalCause.CLOCK:
            return "synchronise this machine's clock"
        case RefusalCause.TOO_MANY:
            return "wait until the exchange answers again"
        case RefusalCause.UNANSWERED:
            return "check the network, then try again"
        case RefusalCause.OTHER:
            return "see the exchange's words"


def _rights(rights: Mapping[str, Any], facts: KeyFacts) -> Iterator[KeyFinding]:
    may_read, may_trade = (is_true(rights.get(name)) for name in _NEEDED)
    yield _must(may_read, "reading", "allowed", "not allowed", "allow reading")
    # This is a right of the account: the exchange withdraws it when it restricts the account.
    account = facts.account
    barred = not isinstance(account, Refusal) and not is_true(account.get("canTrade", True))
    if may_trade and barred:
        words = "allowed to the key, but the account itself may not trade"
        yield KeyFinding("futures", Level.FAIL, words, "ask the exchange's support")
    else:
        yield _must(may_trade, "futures", "allowed", "not allowed", "allow futures")
    withdraw, *transfers = _MOVES_MONEY
    yield _must_not({withdraw: _MOVES_MONEY[withdraw]}, rights, "withdrawals", Level.FAIL)
    yield _must_not({n: _MOVES_MONEY[n] for n in transfers}, rights, "transfers", Level.FAIL)
    yield _addresses(rights, facts)
    known = {*_NEEDED, *_MOVES_MONEY, *_OTHER_RIGHTS}
    new = {n: n for n in rights if n.startswith(("enable", "permits")) and n not in known}
    yield _must_not({**_OTHER_RIGHTS, **new}, rights, "other rights", Level.WARN)


def _must(holds: bool, check: str, right: str, wrong: str, fix: str) -> KeyFinding:
    if holds:
        return KeyFinding(check, Level.OK, right)
    return KeyFinding(check, Level.FAIL, wrong, f"{fix} ({_MANAGE})")


def _must_not(
    names: Mapping[str, str], rights: Mapping[str, Any], check: str, level: Level
) -> KeyFinding:
    """Reports rights that the key should not have; a right that is not mentioned is not granted."""
    given = [words for name, words in names.items() if is_true(rights.get(name))]
    if not given:
        return KeyFinding(check, Level.OK, "none")
    why = (
        "the bot needs none of it" if level is Level.WARN else "whoever has the key can move money"
    )
    return KeyFinding(
        check, level, f"allowed: {', '.join(given)}; {why}", f"take it from the key ({_MANAGE})"
    )


def _addresses(rights: Mapping[str, Any], facts: KeyFacts) -> KeyFinding:
    """Relies on the exchange's statement, and on a signed call from here that it has accepted."""
    if not is_true(rights.get("ipRestrict")):
        words = "the key works from every address on the internet"
        fix = f"restrict it to this machine's address ({_MANAGE})"
        return KeyFinding("addresses", Level.FAIL, words, fix)
    if isinstance(facts.account, Refusal):
        return KeyFinding(
            "addresses", Level.OK, "bound to trusted addresses, by the exchange's word"
        )
    return KeyFinding("addresses", Level.OK, "bound to trusted addresses, and accepted from here")


def _dates(rights: Mapping[str, Any], now: datetime, rotate_after: int) -> Iterator[KeyFinding]:
    made = _moment(rights.get("createTime"))
    fix = "make a new key, then: perpkit keys rotate"
    if made is None:
        yield _skipped("age")
    else:
        days = (now - made).days
        words = f"{days} days, made {made:%Y-%m-%d}"
        if days >= rotate_after:
            yield KeyFinding("age", Level.WARN, f"{words}; {rotate_after} are enough", fix)
        else:
            yield KeyFinding("age", Level.OK, words)
    ends = _moment(rights.get("tradingAuthorityExpirationTime"))
    if ends is None:
        yield KeyFinding("expiry", Level.OK, "none that the exchange names")
    elif ends <= now:
        words = f"the exchange says that its right to trade ended on {ends:%Y-%m-%d %H:%M} UTC"
        yield KeyFinding("expiry", Level.FAIL, words, fix)
    else:
        level = Level.WARN if ends - now <= EXPIRES_SOON else Level.OK
        words = f"the exchange says that its right to trade ends on {ends:%Y-%m-%d %H:%M} UTC"
        yield KeyFinding("expiry", level, words, fix if level is Level.WARN else "")


def _modes(facts: KeyFacts, config: Mapping[str, Any]) -> Iterator[KeyFinding]:
    account = facts.account
    if isinstance(account, Refusal):
        yield from map(_skipped, ("position mode", "asset mode", "margin mode"))
        return
    if is_true(account["dualSidePosition"]):
        words = "hedge mode: Freqtrade does not start, and its orders are refused (-4061)"
        fix = "binance.com > Futures > Preference > Position Mode: One-way Mode"
        yield KeyFinding("position mode", Level.FAIL, words, fix)
    else:
        yield KeyFinding("position mode", Level.OK, "one-way")
    yield _asset_mode(is_true(account["multiAssetsMargin"]), facts.held, config)
    yield _margin_mode(facts.margin_types, config)


def _asset_mode(
    multi_assets: bool, held: Mapping[str, float] | Refusal, config: Mapping[str, Any]
) -> KeyFinding:
    known = None if isinstance(held, Refusal) else held
    wrong = contradiction(config, multi_assets, known)
    if wrong is not None:
        return KeyFinding("asset mode", Level.FAIL, wrong.words, wrong.fix)
    if isinstance(held, Refusal):
        words = f"multi-assets; the balances cannot be read: {held}"
        return KeyFinding("asset mode", Level.SKIPPED, words)
    words = "single-asset"
    if multi_assets:
        words = f'multi-assets, as "proxy_coin": "{config["proxy_coin"]}" in the configuration says'
    return KeyFinding("asset mode", Level.OK, words)


def _margin_mode(
    margin_types: Mapping[str, str] | Refusal, config: Mapping[str, Any]
) -> KeyFinding:
    """Freqtrade sets the mode before an entry; an open position keeps the mode that it has."""
    mode = margin_mode(config)
    wanted = {"isolated": "ISOLATED", "cross": "CROSSED"}.get(mode)
    if wanted is None:
        fix = 'set "margin_mode" to "isolated" or "cross"'
        return KeyFinding("margin mode", Level.FAIL, "not in the configuration", fix)
    if isinstance(margin_types, Refusal):
        return _skipped("margin mode")
    wrong = sorted(symbol for symbol, each in margin_types.items() if each != wanted)
    if wrong:
        words = f"{mode} in the configuration, not so at the exchange: {', '.join(wrong)}"
        fix = "it cannot be changed while a position is open: close it, or configure what it has"
        return KeyFinding("margin mode", Level.FAIL, words, fix)
    held = f", as in {len(margin_types)} open positions" if margin_types else ""
    return KeyFinding("margin mode", Level.OK, f"{mode}{held}")


def _skipped(check: str) -> KeyFinding:
    return KeyFinding(check, Level.SKIPPED, "not known, see above")


def _moment(milliseconds: object) -> datetime | None:
    try:
        number = int(str(milliseconds))
        return datetime.fromtimestamp(number / 1000, UTC) if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
