"""Which exchanges count the open profit into the balance: ccxt's parsers, and Freqtrade's own word.

Answers are those that ccxt documents, of an account with 10,000 in its wallet and 1,000 of open
loss.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ccxt
import freqtrade.exchange
import pytest
from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange
from freqtrade.exchange.common import SUPPORTED_EXCHANGES
from freqtrade.wallets import PositionWallet

from perpkit.market.exchanges import facts_of

pytestmark = pytest.mark.contract

WALLET, EQUITY = "10000", "9000"
BINANCE = {"asset": "USDT", "walletBalance": WALLET, "marginBalance": EQUITY, "updateTime": 1}
BYBIT = {"coin": "USDT", "walletBalance": WALLET, "equity": EQUITY, "unrealisedPnl": "-1000"}
OKX = {"ccy": "USDT", "cashBal": WALLET, "eq": EQUITY, "availEq": EQUITY, "upl": "-1000"}
BITGET = {"marginCoin": "USDT", "available": WALLET, "accountEquity": EQUITY}
GATE = {"currency": "USDT", "total": WALLET, "available": WALLET, "unrealised_pnl": "-1000"}


def hyperliquid(client: Any) -> dict[str, Any]:
    answer = {"marginSummary": {"accountValue": EQUITY, "totalMarginUsed": "300"}}
    client.publicPostInfo = lambda _request: answer
    given = {"type": "swap", "user": "0x0", "enableUnifiedMargin": False}
    return {"USDT": client.fetch_balance(given)["USDC"]}


PARSED = {
    "binance": lambda c: c.parse_balance_custom({"assets": [BINANCE]}, "linear"),
    "bybit": lambda c: c.parse_balance(
        {"result": {"list": [{"accountType": "UNIFIED", "coin": [BYBIT]}]}}
    ),
    "okx": lambda c: c.parse_trading_balance({"data": [{"details": [OKX]}]}),
    "bitget": lambda c: c.parse_balance([{**BITGET, "maxTransferOut": EQUITY}]),
    "gate": lambda c: c.safe_balance({"USDT": c.parse_balance_helper(GATE)}),
    "hyperliquid": hyperliquid,
}


@pytest.mark.parametrize("name", PARSED)
def test_the_total_has_the_open_profit_where_it_is_said(name):
    found = PARSED[name](getattr(ccxt, name)())["USDT"]["total"]
    assert found == float(EQUITY if facts_of(name).balance_has_open_profit else WALLET)


def kind_of(name: str) -> type[Exchange]:
    kind: type[Exchange] = getattr(freqtrade.exchange, name.title(), Exchange)
    return kind


def trades_futures(kind: type[Exchange]) -> bool:
    return any(mode is TradingMode.FUTURES for mode, _ in kind._supported_trading_mode_margin_pairs)


NAMES = [name for name in SUPPORTED_EXCHANGES if trades_futures(kind_of(name))]


def test_every_exchange_with_futures_is_looked_at():
    assert {*PARSED} <= {*NAMES}


@pytest.mark.skipif(
    "unrealized_pnl" not in PositionWallet._fields,
    reason="Freqtrade takes the open profit off since 2026.9",
)
@pytest.mark.parametrize("name", NAMES)
def test_freqtrade_says_the_same(name):
    kind, stake = kind_of(name), "USD" if name == "krakenfutures" else "USDT"
    options = {**Exchange._ft_has_default, **kind._ft_has, **kind._ft_has_futures}
    exchange: Any = SimpleNamespace(get_option=options.get, _config={"stake_currency": stake})
    says = kind.balance_includes_unrealized_pnl(exchange)
    assert says is facts_of(name).balance_has_open_profit
