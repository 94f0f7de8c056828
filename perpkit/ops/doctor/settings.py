"""Checks the configuration as Freqtrade reads it, for what a futures bot needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perpkit.durations import MINUTE_MS
from perpkit.market.credits import declares_multi_assets, ignored, proxy_coin
from perpkit.market.exchanges import BINANCE_ONLY, facts_of, named
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn

# The exchange's limit of weight per minute and IP address; a request weighs 1 or more.
WEIGHT_A_MINUTE = 2400
MOST = 0.8
_SECTIONS = ("ccxt_sync_config", "ccxt_async_config")
_SECRETS = ("key", "secret", "password")


def check_config(context: Context) -> Iterator[Finding]:
    files = ", ".join(map(str, context.files))
    if isinstance(context.read, str):
        yield fail(context.read, f"correct {files}; docs/configuration.md has every setting")
        return
    config = context.config
    where = f"the venue at {context.venue}" if context.venue else "the exchange"
    mode = "dry-run" if context.bot.dry_run else "live"
    yield ok(f"{files}: {mode}, at {where}")
    found = [*_futures(config), *_pricing(config), *_secrets(context)]
    yield from found
    if not found:
        margin, stake = config["margin_mode"], config.get("stake_currency")
        coin = proxy_coin(config)
        wallet = "" if coin is None else f", the wallet in {coin}"
        yield ok(f"futures in {stake}, {margin} margin{wallet}, prices from the order book")


def _futures(config: Mapping[str, Any]) -> Iterator[Finding]:
    name = config["exchange"].get("name")
    binance = facts_of(name).keeps_orders
    if not binance:
        yield warn(
            f'"exchange.name" is "{name}": {named(BINANCE_ONLY)} are for Binance only',
            '"exchange": {"name": "binance"}; or go by what docs/exchanges.md says of others',
        )
    if (mode := config.get("trading_mode", "spot")) != "futures":
        yield fail(
            f'"trading_mode" is "{mode}": the strategies and the risk stack are for perpetuals',
            '"trading_mode": "futures"',
        )
        return
    margin = config.get("margin_mode") or "none"
    if (wrong := ignored(config)) is not None:
        yield fail(wrong.words, wrong.fix)
    if margin == "cross" and not (binance and declares_multi_assets(config)):
        yield warn(
            '"margin_mode" is "cross": a position that goes wrong may take the whole futures '
            "wallet with it, and sizes are made for a loss of its own margin",
            '"margin_mode": "isolated"',
        )
    elif margin not in ("isolated", "cross"):
        yield fail(
            f'"margin_mode" is "{margin}", and futures need one', '"margin_mode": "isolated"'
        )
    if binance and config.get("stake_currency") not in ("USDT", "USDC"):
        yield fail(
            f'"stake_currency" is "{config.get("stake_currency")}", in which no perpetual of '
            "USD-M futures is settled",
            '"stake_currency": "USDT"',
        )


def _pricing(config: Mapping[str, Any]) -> Iterator[Finding]:
    if not facts_of(config["exchange"].get("name")).keeps_orders:
        return  # Freqtrade refuses them where tickers have no prices
    for section in ("entry_pricing", "exit_pricing"):
        if not (config.get(section) or {}).get("use_order_book"):
            yield fail(
                f'"{section}.use_order_book" is not true: Binance futures have no prices in their '
                "tickers, and Freqtrade does not start",
                f'"{section}": {{"price_side": "same", "use_order_book": true, '
                '"order_book_top": 1}',
            )


def _secrets(context: Context) -> Iterator[Finding]:
    """Reports secrets that are kept in files; the key of a venue is not one."""
    if context.venue:
        return
    from freqtrade.configuration.load_config import load_from_files

    files = [str(path) for path in context.files if str(path) != "-"]  # stdin can be read only once
    raw = load_from_files(files) if files else {}
    exchange = raw.get("exchange") or {}
    places = [f"exchange.{name}" for name in _SECRETS if exchange.get(name)]
    for section, name in (("telegram", "token"), ("api_server", "password")):
        if (raw.get(section) or {}).get(name):
            places.append(f"{section}.{name}")
    if places:
        variables = ", ".join(f"FREQTRADE__{p.upper().replace('.', '__')}" for p in places)
        yield warn(
            f"Secrets stand in a file: {', '.join(places)}",
            f"take them out of the file, and set {variables} in the environment of the bot; an API "
            "key can be kept by `perpkit keys store`",
        )


def check_rate_limit(context: Context) -> Iterator[Finding]:
    """Checks the limit of each of ccxt's two clients, which take turns."""
    if context.venue:
        yield ok("A venue on this machine is asked without a limit")
        return
    import ccxt

    exchange = context.config["exchange"]
    if not facts_of(name := exchange.get("name")).keeps_orders:
        yield ok(f"Requests are spaced as ccxt does on {name}; what it allows is not checked")
        return
    default = float(ccxt.binance().rateLimit)
    for section in _SECTIONS:
        given = {**(exchange.get("ccxt_config") or {}), **(exchange.get(section) or {})}
        if not given.get("enableRateLimit", True):
            yield fail(
                "ccxt's own limit of requests is switched off: the exchange answers 429, and bans "
                "the address when it goes on",
                f'"exchange": {{"ccxt_config": {{"enableRateLimit": true, "rateLimit": '
                f"{default:g}}}}}",
            )
            return
        pause = given.get("rateLimit", default)
        if not isinstance(pause, int | float) or pause <= 0:
            yield fail(
                f'"exchange.ccxt_config.rateLimit" must be milliseconds above 0, got {pause!r}',
                f'"exchange": {{"ccxt_config": {{"rateLimit": {default:g}}}}}',
            )
            return
        if (share := MINUTE_MS / pause / WEIGHT_A_MINUTE) > MOST:
            least = -(-MINUTE_MS // (MOST * WEIGHT_A_MINUTE))
            yield fail(
                f"A pause of {pause:g} ms allows {share:.0%} of the exchange's {WEIGHT_A_MINUTE} a "
                f"minute, and other programs at this address need some: at most {MOST:.0%}",
                f'"exchange": {{"ccxt_config": {{"rateLimit": {default:g}}}}}, at least {least:g}',
            )
            return
    yield ok(f"Requests: at most {MINUTE_MS / pause / WEIGHT_A_MINUTE:.0%} of what is allowed")
