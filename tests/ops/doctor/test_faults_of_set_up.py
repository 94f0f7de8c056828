"""Faults of software, configuration and strategy: each is found, with a fix that mends it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from freqtrade.freqtradebot import FreqtradeBot

from perpkit.bot.loading import plugins
from perpkit.ops.doctor import discovery
from tests.bench.doctor import Fault, check_found, configured, mended, removed
from tests.bench.installation import install_plugins

OWN = """
from perpkit.bot.strategy import PerpStrategy

class Own(PerpStrategy):
    timeframe = "1h"
    {}

    def populate_entry_trend(self, dataframe, metadata): return dataframe
    def populate_exit_trend(self, dataframe, metadata): return dataframe
"""
FOREIGN = """
from freqtrade.strategy import IStrategy

class Own(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {{"0": 100}}
    order_types = {{**IStrategy.order_types, "stoploss_on_exchange": True}}
    {}

    def populate_indicators(self, dataframe, metadata): return dataframe
    def populate_entry_trend(self, dataframe, metadata): return dataframe
    def populate_exit_trend(self, dataframe, metadata): return dataframe
"""

STARTED = '{"strategy_name": "%s", "params": {"sell": {"%s": 0.04}}}'


def installed(package: str, version: str) -> Callable[[Any, Any], Any]:
    own = metadata.version

    def plant(bot: Any, patch: Any) -> None:
        patch.setattr(metadata, "version", lambda name: version if name == package else own(name))

    return plant


def requires(bot: Any, patch: Any) -> None:
    """The ranges of pyproject, whatever this environment was installed with."""
    ranges = ["freqtrade<2027,>=2026.6", "freqtrade<2026.10,>=2026.6; extra == 'tested'"]
    patch.setattr(metadata, "requires", lambda _: [*ranges, "freqtrade[hyperopt]; extra == 'dev'"])


def untested(version: str) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> None:
        requires(bot, patch)
        installed("freqtrade", version)(bot, patch)

    return plant


def strategy(body: str, source: str = OWN) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> Path:
        folder = bot.user_data / "strategies"
        folder.mkdir(exist_ok=True)
        (folder / "Own.py").write_text(source.format(body))
        bot.add({"strategy": "Own"})
        return folder / "Own.json"

    return plant


def parameter_file(content: str) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> Path:
        path: Path = strategy("")(bot, patch)
        path.write_text(content)
        return path

    return plant


def of_an_older_release(bot: Any, patch: Any) -> Path:
    """Of a strategy of ours, in an installation of its own."""
    package = bot.home / "site-packages" / "perpkit"
    patch.setattr(plugins, "PACKAGE", package)
    bot.add({"strategy": "RsiSmaSwing"})
    path = install_plugins(package) / "RsiSmaSwing.json"
    path.write_text(STARTED % ("RsiSmaSwing", "stop_distance"))
    return path


def to_the_user(bot: Any, patch: Any, planted: Path) -> None:
    (bot.user_data / "strategies").mkdir()
    planted.rename(bot.user_data / "strategies" / planted.name)
    assert "stop_distance 0.04" in str(bot.found())


def plugin(bot: Any, patch: Any) -> Path:
    folder = bot.user_data / "protections"
    folder.mkdir()
    (folder / "Mine.py").write_text("import nothing_of_the_kind\n")
    return folder / "Mine.py"


def secrets(bot: Any, patch: Any) -> Path:
    return bot.add({"exchange": {"key": "planted-key", "secret": "planted-secret"}})


def broken_file(bot: Any, patch: Any) -> Path:
    path = bot.home / "broken.json"
    path.write_text('{"telegram": {"token": "planted-token"}, "x" 1}')
    bot.files.append(path)
    return path


FAULTS = {
    "old Python": Fault(
        lambda bot, patch: patch.setattr(platform, "python_version", lambda: "3.10.4"),
        "software", "Python 3.10.4 is not within >=3.11", "environment with a Python >=3.11",
    ),
    "Freqtrade that is too new": Fault(
        installed("freqtrade", "2027.2"), "software", "freqtrade 2027.2 is not within",
        "pip install",
    ),
    "ccxt that is too old": Fault(
        installed("ccxt", "4.4.1"), "software", "ccxt 4.4.1 is not within >=4.5.60", "pip install",
    ),
    "Freqtrade that was not tested": Fault(
        untested("2026.11"), "software", "freqtrade 2026.11 is newer than what was tested",
        "pip install",
    ),
    "pre-release of Freqtrade": Fault(
        untested("2026.10.dev0"), "software",
        "freqtrade 2026.10.dev0 is newer than what was tested", "pip install",
    ),
    "pre-release of an older Freqtrade": Fault(
        untested("2026.6.dev0"), "software", "freqtrade 2026.6.dev0 is not within", "pip install",
    ),
    "discovery off": Fault(
        lambda bot, patch: patch.setenv("PERPKIT_PLUGINS", "0"),
        "discovery", "PERPKIT_PLUGINS is 0", "unset PERPKIT_PLUGINS",
        lambda bot, patch, _: patch.delenv("PERPKIT_PLUGINS"),
    ),
    "no hook": Fault(
        lambda bot, patch: patch.delitem(sys.modules, discovery._HOOK),
        "discovery", "start-up hook did not run", "pip install --force-reinstall",
    ),
    "plugin with an error": Fault(
        plugin, "discovery", "protections cannot be loaded: .*Mine.py", "`python FILE` shows",
        removed
    ),
    "contract broken": Fault(
        lambda bot, patch: patch.delattr(FreqtradeBot, "handle_cancel_order"),
        "contracts", "FreqtradeBot has no handle_cancel_order, which Perpkit replaces",
        "tested Freqtrade",
    ),
    "no JSON": Fault(
        broken_file, "configuration", "cannot be read: Parse error at offset",
        "correct .*broken.json",
        removed,
    ),
    "unknown exchange": Fault(
        configured(exchange={"name": "nowhere"}),
        "configuration", 'Exchange "nowhere" is not known', "correct ", removed,
    ),
    "spot": Fault(
        configured(trading_mode="spot", margin_mode=""),
        "configuration", '"trading_mode" is "spot"', '"trading_mode": "futures"',
        mended(trading_mode="futures", margin_mode="isolated"), also=frozenset({"strategy"}),
    ),
    "no margin mode": Fault(
        configured(margin_mode=""), "configuration", '"margin_mode" is "none"', "isolated",
        mended(margin_mode="isolated"),
    ),
    "proxy coin that is ignored": Fault(
        configured(proxy_coin="BNFCR"), "configuration", "Freqtrade ignores", "take proxy_coin out",
        mended(margin_mode="cross"),
    ),
    "cross margin": Fault(
        configured(margin_mode="cross"), "configuration", '"margin_mode" is "cross"', "isolated",
        mended(margin_mode="isolated"),
    ),
    "prices of tickers": Fault(
        configured(exit_pricing={"price_side": "same", "use_order_book": False}),
        "configuration", '"exit_pricing.use_order_book" is not true', '"use_order_book": true',
        mended(exit_pricing={"price_side": "same", "use_order_book": True, "order_book_top": 1}),
    ),
    "secrets in a file": Fault(
        secrets, "configuration", "in a file: exchange.key, exchange.secret",
        "FREQTRADE__EXCHANGE__KEY, FREQTRADE__EXCHANGE__SECRET", removed,
    ),
    "no rate limit": Fault(
        configured(exchange={"ccxt_config": {"enableRateLimit": False}}),
        "rate limit", "switched off", '"enableRateLimit": true',
        mended(exchange={"ccxt_config": {"enableRateLimit": True, "rateLimit": 50}}),
    ),
    "rate limit above 80%": Fault(
        configured(exchange={"ccxt_async_config": {"rateLimit": 31}}),
        "rate limit", "31 ms allows 81% of", '"rateLimit": 50.*at least 32',
        mended(exchange={"ccxt_async_config": {"rateLimit": 32}}),
    ),
    "unknown strategy": Fault(
        configured(strategy="Nobody"), "strategy", "Nobody cannot be loaded", "list-strategies",
        mended(strategy="RsiSmaSwing"),
    ),
    "parameter that is not allowed": Fault(
        configured(perpkit={"leverage": {"max_leverage": -1}}),
        "strategy", "max_leverage must", "correct that",
        mended(perpkit={"leverage": {"max_leverage": 2}}),
    ),
    "strategy of somebody else": Fault(
        strategy("", FOREIGN), "strategy", "Perpkit is not attached to Own", '"attach": true',
        mended(perpkit={"attach": True}), also=frozenset({"protections"}),
    ),
    "stop in the bot only": Fault(
        configured(order_types={
            "entry": "limit", "exit": "limit", "stoploss": "market", "stoploss_on_exchange": False,
        }),
        "options", "Stops are in the bot only", '"stoploss_on_exchange": true', removed,
    ),
    "stop in the bot only, live": Fault(
        configured(order_types={
            "entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": False,
        }),
        "options", '"order_types.stoploss" must be "market", got "limit"', "leave it out", removed,
        makes=("live",),
    ),
    "stops that do not follow": Fault(
        configured(use_custom_stoploss=False), "options", '"use_custom_stoploss" must be true',
        "set it so", removed,
    ),
    "part switched off": Fault(
        configured(use_exit_signal=False), "options", "use_exit_signal is false",
        "leave the option",
        removed,
    ),
    "strategy that never enters": Fault(
        configured(strategy="RsiSmaSwing", timeframe="5m"),
        "options", "the 4h trend needs 2400 candles", "set it so",
        removed, also=frozenset({"candles"}),
    ),
    "no protections": Fault(
        strategy("protections = []"), "protections", "Own has no protections", "docs/breakers.md",
        lambda bot, patch, _: strategy("")(bot, patch),
    ),
    "protection with a wrong parameter": Fault(
        strategy('protections = [{"method": "DrawdownBreaker", "week_loss": 7}]'),
        "protections", "DrawdownBreaker cannot be made: .*week_loss", "correct it in the property",
    ),
    "unknown pairlist": Fault(
        configured(pairlists=[{"method": "NoList"}]), "pairlists", "No such pairlist: NoList",
        "name one of .*FundingRateFilter", removed, also=frozenset({"strategy"}),
    ),
    "pair of the spot market": Fault(
        configured(exchange={"pair_whitelist": ["BTC/USDT"]}),
        "pairlists", "no perpetuals in USDT: BTC/USDT", "BTC/USDT:USDT", removed,
        also=frozenset({"candles"}),
    ),
    "parameter file that is no JSON": Fault(
        parameter_file("{"), "parameters", r"Own.json \(since .*\) cannot be read",
        "^mv .*Own.json",
        removed,
    ),
    "parameter file of another strategy": Fault(
        parameter_file(STARTED % ("RsiSmaSwing", "stop_distance")),
        "parameters", "is of RsiSmaSwing, not of Own", "^mv .*Own.json ",
        removed, also=frozenset({"strategy"}),
    ),
    "parameter file of an older version": Fault(
        parameter_file(STARTED % ("Own", "gone")), "parameters", "does not have: gone", "^mv ",
        removed,
    ),
    "parameter file of an older release": Fault(
        of_an_older_release, "parameters", "RsiSmaSwing.json is not in force",
        "&& mv .*plugins/strategies/RsiSmaSwing.json .*user_data/strategies/RsiSmaSwing.json,",
        to_the_user,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in FAULTS.items()])
def test_a_planted_fault_is_found_with_its_fix(set_up, monkeypatch, fault):
    check_found(fault, set_up(**dict.fromkeys(fault.makes, True)), monkeypatch)


@pytest.mark.parametrize(
    ("name", "live", "attached"),
    [("bybit", False, False), ("okx", True, False), ("bybit", True, True)],
)
def test_what_is_for_binance_only_is_said_once(set_up, monkeypatch, name, live, attached):
    bot = set_up(live=live)
    bot.add({"exchange": {"name": name}})
    if attached:
        strategy("", FOREIGN)(bot, monkeypatch)
        bot.add({"perpkit": {"attach": True}})
    found = bot.found()
    said = [each for each in found if each.level.is_finding and "guard" in each.words]
    assert [each.check for each in said] == ["configuration"]
    assert "docs/exchanges.md" in said[0].fix
    options = [each.words for each in found if each.check == "options"]
    assert options == ["Stops are at the exchange", "No option disarms a safety"]
    [journal] = [each.words for each in found if each.check == "journal"]
    assert journal == "Without a journal of orders: it is for Binance only"


@pytest.mark.parametrize(
    "config",
    [
        # Multi-assets mode without credits, where isolated margin would keep a bot from starting.
        {"margin_mode": "cross", "proxy_coin": "USDT"},
        {"margin_mode": "cross", "proxy_coin": "BNFCR"},
    ],
)
def test_margin_of_a_whole_account_that_is_meant_is_in_order(set_up, config):
    bot = set_up()
    bot.add(config)
    assert bot.wrong() == []


def test_another_exchange_is_not_measured_by_binance(set_up):
    """Bybit has prices in its tickers, Kraken Futures is settled in USD."""
    bot = set_up()
    prices = {"price_side": "same", "use_order_book": False}
    bot.add({"exchange": {"name": "bybit"}, "entry_pricing": prices, "exit_pricing": prices})
    bot.add({"stake_currency": "USD"})
    said = [f for f in bot.found() if f.check == "configuration" and f.level.is_finding]
    assert [each.words.partition(":")[0] for each in said] == ['"exchange.name" is "bybit"']
