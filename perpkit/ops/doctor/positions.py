"""Compares the exchange's positions, their stops and settings with the trades of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perpkit.ops.doctor.asking import of_account
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.ops.doctor.sums import symbol_of

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context
    from perpkit.record.trade_books import TradeBook

_DUST = 1e-9
_STOPS = ("STOP", "STOP_MARKET", "TRAILING_STOP_MARKET")
_RECONCILE = (
    "start the bot, which reconciles as it starts; if it runs already, look again in a minute, for "
    "an order may have filled just now"
)


@dataclass(frozen=True)
class ExchangePosition:
    """A position at the exchange.

    :param amount: in base currency, below 0 for a short
    :param stopped: how much of it stops at the exchange would close
    :param leverage: of the symbol's settings, None if they are not known
    :param margin_type: ISOLATED or CROSSED, None if it is not known
    """

    symbol: str
    amount: float
    stopped: float
    leverage: float | None = None
    margin_type: str | None = None


@of_account
def check(context: Context) -> Iterator[Finding]:
    from perpkit.record.trade_books import trade_books

    client = context.client
    trades = [t for t in trade_books(context.database, client.milliseconds()) if t.is_open]
    rows = [
        row
        for row in client.fapiPrivateV3GetPositionRisk()
        if abs(float(row["positionAmt"])) > _DUST
    ]
    algos = client.fapiPrivateGetOpenAlgoOrders() if rows else []
    settings = {r["symbol"]: r for r in client.fapiPrivateGetSymbolConfig()} if rows else {}
    positions = [held(row, algos, settings.get(row["symbol"], {})) for row in rows]
    margin = context.config.get("margin_mode") or ""
    yield from compare(positions, trades, str(getattr(margin, "value", margin)))


def held(
    row: Mapping[str, Any], algos: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> ExchangePosition:
    """Returns a position with its stops and settings.

    :param row: of GET /fapi/v3/positionRisk
    :param algos: of GET /fapi/v1/openAlgoOrders
    :param settings: of GET /fapi/v1/symbolConfig
    """
    amount = float(row["positionAmt"])
    closing = "SELL" if amount > 0 else "BUY"
    stops = [
        algo
        for algo in algos
        if algo["symbol"] == row["symbol"]
        and algo["side"] == closing
        and algo.get("positionSide", "BOTH") == row.get("positionSide", "BOTH")
        and algo["orderType"] in _STOPS
        and (_true(algo.get("reduceOnly")) or _true(algo.get("closePosition")))
    ]
    everything = any(_true(stop.get("closePosition")) for stop in stops)
    stopped = abs(amount) if everything else sum(float(stop["quantity"]) for stop in stops)
    leverage = settings.get("leverage")
    return ExchangePosition(
        str(row["symbol"]),
        amount,
        stopped,
        float(leverage) if leverage else None,
        settings.get("marginType"),
    )


def compare(
    positions: Iterable[ExchangePosition], trades: Iterable[TradeBook], margin_mode: str
) -> Iterator[Finding]:
    """Compares the positions with the trades.

    :param margin_mode: of the configuration: isolated or cross
    """
    left = [*positions]
    found = False
    fine = []
    for trade in trades:
        position = _of(trade, left)
        if position is not None:
            left.remove(position)
        wrong = [*_amounts(trade, position)]
        if position is not None:
            wrong += [*_settings(trade, position, margin_mode)]
        found = found or bool(wrong)
        yield from wrong
        if not wrong and position is not None:
            fine.append(trade.pair)
    for position in left:
        found = True
        yield warn(
            f"{position.symbol}: {position.amount:g} at the exchange, and no open trade of it in "
            "the database: it is yours or another bot's, and not guarded by this one",
            "close it by hand if it should not be there; if this bot opened it, start the bot, "
            "which takes it back. perpkit stop leaves it alone without --everything",
        )
    if not found:
        pairs = ", ".join(fine)
        yield ok(f"As in the database, each with its stop: {pairs}" if fine else "None is open")


def _of(trade: TradeBook, positions: Iterable[ExchangePosition]) -> ExchangePosition | None:
    """Returns the trade's position; in hedge mode there may be one on the other side as well."""
    own = [each for each in positions if each.symbol == symbol_of(trade.pair)]
    return next(
        (each for each in own if (each.amount < 0) is trade.is_short), next(iter(own), None)
    )


def _amounts(trade: TradeBook, position: ExchangePosition | None) -> Iterator[Finding]:
    sign = -1.0 if trade.is_short else 1.0
    theirs = sign * position.amount if position else 0.0
    # Resting orders may have filled by now.
    most = trade.held + sum(order.left for order in trade.orders if order.kind == "entry")
    least = trade.held - sum(order.left for order in trade.orders if order.kind == "exit")
    if not least - _DUST <= theirs <= most + _DUST:
        side = "short" if trade.is_short else "long"
        yield fail(
            f"{trade.pair}: trade {trade.id} is {trade.held:g} {side} in the database, "
            f"{theirs:g} at the exchange",
            _RECONCILE,
        )
    if position is not None and theirs > _DUST:
        bare = abs(position.amount) - position.stopped
        if bare > _DUST:
            yield fail(
                f"{trade.pair}: no stop at the exchange for {bare:g} of {abs(position.amount):g}",
                "start the bot, whose guard places it at once; if it runs, see perpkit state for "
                "why it does not. Until then place a reduce-only stop by hand",
            )


def _settings(trade: TradeBook, position: ExchangePosition, margin_mode: str) -> Iterator[Finding]:
    wanted = {"isolated": "ISOLATED", "cross": "CROSSED"}.get(margin_mode)
    if position.margin_type and wanted and position.margin_type != wanted:
        yield fail(
            f"{trade.pair}: margin is {position.margin_type.lower()} at the exchange, "
            f'"margin_mode" is "{margin_mode}": liquidation is not where the bot reckons with it',
            "it cannot be changed while the position is open: close it, or configure what it has",
        )
    if position.leverage and abs(position.leverage - trade.leverage) > _DUST:
        yield warn(
            f"{trade.pair}: leverage is {position.leverage:g}x at the exchange, "
            f"{trade.leverage:g}x in the database",
            f"set it back to {trade.leverage:g}x at the exchange; in isolated margin only upwards "
            "is possible while the position is open",
        )


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
