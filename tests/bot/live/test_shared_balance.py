"""The balance of an account whose assets all back its positions."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.shared_balance import SharedBalance, wrong_account

CREDITS = {"margin_mode": "cross", "proxy_coin": "BNFCR"}


class Bot(SimpleNamespace):
    """Whose account has `balances`; its wallets read them."""

    def __init__(self, balances: dict[str, Any], modes: Any = None, **config: Any) -> None:
        config = {"stake_currency": "USDT", "dry_run": False, **config}
        self.balances, self.modes, self.asked = balances, modes, []
        self.lost = False
        api = SimpleNamespace(
            fetch_balance=self._fetched, fapiPrivateGetAccountConfig=self._answered
        )
        wallets = SimpleNamespace(update=self._read, get_all_balances=self._seen)
        super().__init__(config=config, exchange=SimpleNamespace(_api=api), wallets=wallets)
        self.seen = {}

    def _fetched(self, params):
        self.asked.append(params)
        return {name: dict(row) for name, row in self.balances.items()}

    def _answered(self):
        if isinstance(self.modes, Exception):
            raise self.modes
        return self.modes

    def _read(self):
        if self.lost:
            raise TemporaryError("no answer")
        found = self.exchange._api.fetch_balance({})
        self.seen = {name: row["total"] for name, row in found.items() if name != "info"}

    def _seen(self):
        return {name: SimpleNamespace(total=total) for name, total in self.seen.items()}


BALANCES = {
    "BNFCR": {"free": 900.0, "used": 50.0, "total": -20.0},
    "USDC": {"free": 900.0, "used": 0.0, "total": 970.0},
    "info": {"totalMarginBalance": "950.5", "availableBalance": "900.5"},
}


def test_the_coin_that_is_the_wallet_has_the_total_of_all():
    bot = Bot(BALANCES, **CREDITS)
    SharedBalance(bot)
    assert bot.seen == {"BNFCR": 950.5, "USDC": 970.0}  # Freqtrade had read it before
    assert bot.exchange._api.fetch_balance() == {
        **BALANCES,
        "BNFCR": {"free": 900.0, "used": 50.0, "total": 950.5},
    }
    assert bot.asked == [{}, {}]


@pytest.mark.parametrize(
    "config",
    [
        {"margin_mode": "isolated"},
        {"margin_mode": "cross"},
        {"margin_mode": "isolated", "proxy_coin": "BNFCR"},
        {**CREDITS, "dry_run": True},
    ],
)
def test_other_accounts_are_left_alone(config):
    bot = Bot(BALANCES, **config)
    SharedBalance(bot)
    assert bot.exchange._api.fetch_balance == bot._fetched
    assert bot.asked == []


ORDINARY = {
    "USDT": {"free": 900.0, "used": 50.0, "total": 20.0},
    "USDC": {"free": 900.0, "used": 0.0, "total": 930.0},
    "info": {"totalMarginBalance": "950.5"},
}
MULTI, SINGLE = {"multiAssetsMargin": "true"}, {"multiAssetsMargin": False}


@pytest.mark.parametrize(
    ("coin", "answers", "totals"),
    [
        ("USDT", [OSError("not asked")], [950.5]),  # in single-asset mode it is that of USDT alone
        ("USDC", [MULTI], [950.5]),
        ("USDC", [SINGLE], [930.0]),
        ("USDC", [OSError("no answer"), {}], [950.5, 950.5]),  # the larger, until it answers
        ("USDC", [OSError("no answer"), SINGLE], [950.5, 930.0]),
        ("USDC", [SINGLE, {}, MULTI, {}], [930.0, 930.0, 950.5, 950.5]),
    ],
)
def test_a_stake_currency_that_is_the_proxy_coin_has_the_total(coin, answers, totals):
    bot = Bot(ORDINARY, answers[0], margin_mode="cross", proxy_coin=coin, stake_currency=coin)
    SharedBalance(bot)
    found = []
    for bot.modes in answers:
        bot.wallets.update()
        found.append(bot.seen.pop(coin))
    assert found == totals
    other = {name: row["total"] for name, row in ORDINARY.items() if name not in ("info", coin)}
    assert bot.seen == other


def test_a_total_of_another_coin_is_no_loss_while_the_mode_is_unknown():
    """In single-asset mode the total is that of USDT, of which there is none."""
    balances = {**ORDINARY, "info": {"totalMarginBalance": "0.0"}}
    bot = Bot(balances, OSError(), margin_mode="cross", proxy_coin="USDC", stake_currency="USDC")
    SharedBalance(bot)
    assert bot.seen["USDC"] == 930.0


@pytest.mark.parametrize(
    ("coin", "answer", "row"),
    [
        ("USDT", MULTI, {"free": 900.5, "used": 50.0, "total": 950.5}),
        ("USDC", MULTI, {"free": 900.5, "used": 50.0, "total": 950.5}),
        ("USDC", SINGLE, None),
        ("USDC", OSError("no answer"), None),
    ],
)
def test_a_stake_currency_that_was_never_used_has_a_row(coin, answer, row):
    balances = {"BTC": {"free": 1.0, "used": 0.0, "total": 1.0}, "info": BALANCES["info"]}
    bot = Bot(balances, answer, margin_mode="cross", proxy_coin=coin, stake_currency=coin)
    SharedBalance(bot)
    assert bot.exchange._api.fetch_balance({}).get(coin) == row


@pytest.mark.parametrize("left_out", ["BNFCR", "info"])
def test_what_the_exchange_leaves_out_stays_out(left_out):
    balances = {name: row for name, row in BALANCES.items() if name != left_out}
    bot = Bot(balances, **CREDITS)
    SharedBalance(bot)
    assert bot.exchange._api.fetch_balance({}) == balances


def test_without_an_answer_at_the_start_the_next_one_counts(caplog):
    bot = Bot(BALANCES, **CREDITS)
    bot.lost = True
    SharedBalance(bot)
    assert "not read yet" in caplog.text
    bot.lost = False
    bot.wallets.update()
    assert bot.seen["BNFCR"] == 950.5


@pytest.mark.parametrize(
    ("config", "modes", "words"),
    [
        (CREDITS, {"multiAssetsMargin": True}, None),
        (CREDITS, {"multiAssetsMargin": "true"}, None),
        (CREDITS, {"multiAssetsMargin": False}, "single-asset"),
        (CREDITS, OSError("no answer"), None),  # the guard compares, before any entry
        ({"margin_mode": "cross"}, {"multiAssetsMargin": True}, "multi-assets"),
        ({"margin_mode": "isolated"}, None, None),  # not asked
        ({**CREDITS, "dry_run": True}, None, None),
        ({**CREDITS, "margin_mode": "isolated"}, None, "ignores"),
        ({**CREDITS, "margin_mode": "isolated", "dry_run": True}, None, "ignores"),
    ],
)
def test_what_keeps_a_bot_from_starting(config, modes, words, caplog):
    caplog.set_level(logging.WARNING)
    bot = Bot(BALANCES, modes, **config)
    bot.wallets.update()
    found = wrong_account(bot)
    assert found is None if words is None else words in str(found)
    assert ("asset mode" in caplog.text) is isinstance(modes, Exception)


@pytest.mark.parametrize(
    "answer", ["<html>Bad Gateway</html>", [], {}, {"multiAssetsMargin": None}], ids=str
)
def test_an_answer_of_another_shape_ends_no_start(answer, caplog):
    """As ccxt hands on what is no JSON: what is open must be guarded."""
    bot = Bot(BALANCES, answer, **CREDITS)
    bot.wallets.update()
    assert wrong_account(bot) is None
    assert "asset mode of the account cannot be read yet" in caplog.text
