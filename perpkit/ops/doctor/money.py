"""Compares profit, commission and funding of the last week at the exchange with the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from perpkit.market.credits import CREDITS
from perpkit.ops.doctor.asking import of_account
from perpkit.ops.doctor.finding import Finding, ok, skipped, warn
from perpkit.ops.doctor.incomes import KEPT_MS, Income, IncomesError, incomes
from perpkit.ops.doctor.sums import (
    FIGURES,
    WEEK_MS,
    Compared,
    Sums,
    began,
    compared,
    symbol_of,
)

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

_WHY = {
    "profit": (
        "compare the trade's orders with the exchange's trade history: an order may be missing in "
        "the database, or have been traded by hand; a bot that is started again books what it finds"
    ),
    "commission": (
        "freqtrade keeps one fee rate for each side of a trade; where that explains it, nothing is "
        "to be done. Otherwise see the check of the commission, and fees paid in another coin"
    ),
    "funding": (
        "start the bot, which asks for the funding of open trades; of closed ones, correct "
        "funding_fees by hand or live with it: the wallet is right"
    ),
    "total": "small differences add up: compare the trades with the exchange's history",
}
_NOT_KNOWN = (
    "if it is your own trading or another bot's on this account, nothing is to be done; otherwise "
    "trades are missing in the database: look for a copy, or at db_url"
)


@of_account
def check(context: Context) -> Iterator[Finding]:
    from perpkit.record.trade_books import trade_books

    now = context.public_client.milliseconds()
    since = now - WEEK_MS
    trades = trade_books(context.database, since)
    old = {t.pair for t in trades if t.began < now - KEPT_MS}
    for pair in sorted(old):
        yield skipped(f"{pair}: its trade is older than the 90 days that the exchange keeps")
    trades = [trade for trade in trades if trade.pair not in old]
    try:
        rows = incomes(context.client, began(trades, since), now)
    except IncomesError as error:
        yield skipped(f"The exchange's incomes cannot be compared: {error}")
        return
    stake = str(context.config["stake_currency"])
    rates = _rates(context.client, rows, stake)
    known_until = min(now, _last_look(context) or now)
    old_symbols = {symbol_of(pair) for pair in old}
    for coin in sorted({income.asset for income in rows if income.figure} - rates.keys()):
        yield skipped(f"Incomes in {coin} are left out: the exchange has no price of it in {stake}")
    rows = [
        income
        for income in rows
        if income.symbol not in old_symbols and (not income.figure or income.asset in rates)
    ]
    yield from judged(compared(trades, rows, since, known_until, rates), stake)


def judged(found: Sequence[Compared], stake: str) -> Iterator[Finding]:
    differing = [each for each in found if each.differing or each.orders_differ]
    for each in differing:
        if not each.known:
            yield warn(
                f"{each.pair}: {_words(each.exchange, stake)} at the exchange, and no trade of it "
                "in the database",
                _NOT_KNOWN,
            )
            continue
        if not each.differing:
            yield warn(
                f"{each.pair}: profit {each.exchange.profit:.2f} at the exchange and by its "
                f"trades, {each.by_orders:.2f} by their orders in the database {stake}",
                _WHY["profit"],
            )
            continue
        first = each.differing[0]
        off = ", ".join(
            f"{figure} {getattr(each.exchange, figure):.2f} at the exchange, "
            f"{getattr(each.database, figure):.2f} in the database ({each.off(figure):+.2f})"
            for figure in each.differing
        )
        yield warn(f"{each.pair}: {off} {stake}", _WHY[first])
    both = Compared(
        "all pairs",
        sum((each.exchange for each in found if each.known), Sums()),
        sum((each.database for each in found if each.known), Sums()),
        converted=sum(each.converted for each in found if each.known),
    )
    if not differing and "total" in both.differing:
        yield warn(
            f"All pairs together: {both.exchange.total:.2f} at the exchange, "
            f"{both.database.total:.2f} in the database ({both.off('total'):+.2f}) {stake}",
            _WHY["total"],
        )
    elif not differing:
        words = _words(both.exchange, stake) if found else "nothing was traded"
        yield ok(f"Last 7 days, and what was open then: {words}; the database agrees")


def _words(sums: Sums, stake: str) -> str:
    figures = ", ".join(f"{figure} {getattr(sums, figure):.2f}" for figure in FIGURES)
    return f"{figures} {stake}"


def _rates(client: Any, rows: Sequence[Income], stake: str) -> dict[str, float]:
    """Returns the present price of each coin in stake currency, as far as the exchange has one; a
    credit counts one for one.
    """
    rates = {stake: 1.0, CREDITS: 1.0}
    for asset in sorted({income.asset for income in rows if income.figure} - rates.keys()):
        price = _price(client, f"{asset}{stake}")
        inverse = _price(client, f"{stake}{asset}") if price is None else None
        if price is not None:
            rates[asset] = price
        elif inverse:
            rates[asset] = 1 / inverse
    return rates


def _price(client: Any, symbol: str) -> float | None:
    """Returns the mark price of a contract; None if there is no such contract."""
    import ccxt

    try:
        return float(client.fapiPublicGetPremiumIndex({"symbol": symbol})["markPrice"])
    except ccxt.BadSymbol:
        return None


def _last_look(context: Context) -> int | None:
    """Returns when the bot last wrote its state file, in ms; it may have been off since."""
    from perpkit.record.state_file import StateFileError, read

    try:
        return int(read(context.bot.places.state).written_at.timestamp() * 1000)
    except StateFileError:
        return None
