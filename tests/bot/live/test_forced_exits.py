"""Exits of all trades by command: with Freqtrade's own command behind them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import InvalidOrderException, TemporaryError
from freqtrade.persistence import Order, Trade
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.live.forced_exits import ForcedExits
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories

BTC, ETH, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"


class Bot(SimpleNamespace):
    """A bot of three trades, which records the pairs that it exits."""

    def __init__(self) -> None:
        super().__init__(
            config={},
            state=State.RUNNING,
            _exit_lock=TradeLock(),
            wallets=SimpleNamespace(update=lambda: None),
            strategy=SimpleNamespace(order_types={"exit": "limit", "force_exit": "market"}),
            exchange=SimpleNamespace(get_rate=lambda *_, **__: 100.0),
        )
        self.rpc = SimpleNamespace(_rpc=RPC(self))
        self.exited: list[tuple[str, str]] = []
        self.errors: dict[str, Exception] = {}
        for pair in (BTC, ETH, XRP):
            factories.trade(pair)

    def execute_trade_exit(self, trade, _rate, _check, *, ordertype, **_how) -> None:
        if trade.pair in self.errors:
            trade.exit_reason = "half done"
            raise self.errors[trade.pair]
        self.exited.append((trade.pair, ordertype))

    def force_exit(self, *given, **how) -> dict[str, str]:
        return self.rpc._rpc._rpc_force_exit(*given, **how)


@pytest.fixture
def bot(trade_database) -> Bot:
    bot = Bot()
    ForcedExits(bot)
    return bot


def test_all_trades_are_exited_as_freqtrade_does(bot):
    assert bot.force_exit("all") == {"result": "Created exit orders for all open trades."}
    assert bot.exited == [(BTC, "market"), (ETH, "market"), (XRP, "market")]
    assert bot.force_exit("all", "limit", amount=None, price=None)
    assert bot.exited[3:] == [(BTC, "limit"), (ETH, "limit"), (XRP, "limit")]


@pytest.mark.parametrize(
    "error",
    [InvalidOrderException("-2022 reduce_only"), TemporaryError("-1008"), KeyError("info")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("failing", [[BTC], [ETH], [BTC, XRP]])
def test_a_trade_that_fails_keeps_no_other_from_its_exit(bot, error, failing):
    bot.errors = dict.fromkeys(failing, error)
    with pytest.raises(RPCException) as refused:
        bot.force_exit("all")
    assert [pair for pair, _ in bot.exited] == [p for p in (BTC, ETH, XRP) if p not in failing]
    message = str(refused.value)
    assert message.startswith(f"{len(failing)} of 3 open trades cannot be exited: {failing[0]} ")
    assert all(pair in message for pair in failing)
    assert not any(pair in message for pair, _ in bot.exited)
    assert "_" not in message  # Telegram would drop it
    assert not any(trade.exit_reason for trade in Trade.get_open_trades())


def test_a_trade_whose_only_entry_was_cancelled_is_not_left(bot):
    trade = Trade.get_open_trades()[1]
    trade.orders.append(
        Order(
            order_id="1", ft_pair=ETH, ft_order_side="buy", ft_is_open=True, ft_amount=1, ft_price=1
        )
    )
    Trade.commit()
    bot.exchange.fetch_order = lambda *_: {"side": "buy"}
    bot.handle_cancel_enter = lambda trade, *_: trade.delete() or True
    assert bot.force_exit("all")["result"]
    assert [pair for pair, _ in bot.exited] == [BTC, XRP]
    assert [trade.pair for trade in Trade.get_open_trades()] == [BTC, XRP]


def exit_of(trade, number: str, *, is_open: bool) -> Order:
    return Order(
        order_id=number, ft_pair=trade.pair, ft_order_side=trade.exit_side, ft_is_open=is_open,
        ft_amount=1, ft_price=1,
    )  # fmt: skip


@pytest.mark.parametrize("committed", [True, False])
def test_an_exit_that_was_placed_before_the_error_is_none_that_failed(bot, committed):
    """The balance could not be read after it."""
    failing = Trade.get_open_trades()[1]
    failing.orders.append(exit_of(failing, "earlier", is_open=False))
    Trade.commit()

    def execute_trade_exit(trade, *_, **__):
        if trade.pair != ETH:
            return
        trade.orders.append(exit_of(trade, "placed", is_open=True))
        if committed:
            Trade.commit()
        raise TemporaryError("no answer")

    bot.execute_trade_exit = execute_trade_exit
    if committed:
        assert bot.force_exit("all")["result"]
    else:
        with pytest.raises(RPCException, match="1 of 3 open trades cannot be exited"):
            bot.force_exit("all")


def test_one_trade_is_freqtrades_own_business(bot):
    bot.errors = {BTC: InvalidOrderException("-2022")}
    with pytest.raises(InvalidOrderException):
        bot.force_exit("1")
    assert bot.force_exit("2", "limit", amount=None, price=99.0)["result"]
    assert bot.exited == [(ETH, "limit")]
    with pytest.raises(RPCException, match="invalid argument"):
        bot.force_exit("9")


def test_a_stopped_bot_answers_that_it_is_stopped(bot):
    bot.state = State.STOPPED
    with pytest.raises(RPCException, match="trader is not running"):
        bot.force_exit("all")
    assert bot.exited == []
