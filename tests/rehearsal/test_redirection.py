"""What leads to a venue, and what is in its way: configurations and the answers expected."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from perpkit.rehearsal.redirection import is_loopback, leads_to_venue, problems, venue_url
from perpkit.venue.overlay import overlay

REAL = "https://fapi.binance.com/fapi/v1"
OTHER_PORT = "http://127.0.0.1:9999/fapi/v1"
URL = "http://127.0.0.1:8900"


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The overlay with values at dotted paths; `...` removes one."""
    config = deepcopy(overlay(URL))
    for path, value in changes:
        *sections, last = path.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return config


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8900/fapi/v1", True),
        ("http://127.8.9.1/fapi/v1", True),
        ("https://demo-fapi@127.0.0.1:1/fapi/v1", True),
        ("http://[::1]:8900", True),
        ("http://localhost:8900", True),
        ("http://LOCALHOST", True),
        (REAL, False),
        ("https://127.0.0.1@fapi.binance.com/fapi/v1", False),
        ("https://127.0.0.1.example.org/", False),
        ("https://localhost.example.org/", False),
        ("http://10.0.0.1:8900", False),
        ("http://0.0.0.0:8900", False),
        ("http://[broken", False),
        ("127.0.0.1:8900", False),
        ("", False),
        (None, False),
        ({}, False),
    ],
)
def test_what_a_loopback_is(url, expected):
    assert is_loopback(url) is expected


@pytest.mark.parametrize("base", [URL, "https://demo-fapi@127.0.0.1:1", "http://[::1]:8900"])
@pytest.mark.parametrize("live", [False, True])
def test_an_overlay_leads_to_its_venue_and_has_no_problems(base, live):
    config = overlay(base, live=live, accounts={"a": "x", "b": "y"})
    assert venue_url(config) == base
    assert problems(config, {"PATH": "/bin", "FREQTRADE__TELEGRAM__TOKEN": "t"}) == []


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"exchange": {"name": "binance", "key": "real", "secret": "real"}},
        {"exchange": {"name": "kraken", "sandbox": True, "ccxt_config": {"httpsProxy": "x"}}},
        {"exchange": {"ccxt_config": {"urls": {"api": {"fapiPublic": REAL}}}}},
        {"exchange": {"ccxt_config": {"urls": "x"}}},
        {"exchange": {"ccxt_config": "x"}},
        {"exchange": "x"},
    ],
)
def test_what_leads_to_the_exchange_is_left_alone(config):
    assert not leads_to_venue(config)
    assert problems(config, {"FREQTRADE__EXCHANGE__KEY": "real"}) == []


CCXT = "exchange.ccxt_config"
ALLOWED = [
    ("exchange.key", ""),
    ("exchange.pair_whitelist", ["BTC/USDT:USDT"]),
    ("exchange.name", "binanceusdm"),
    ("exchange.demo_trading", False),
    (f"{CCXT}.options.sandboxMode", False),
    (f"{CCXT}.options.defaultType", "swap"),
    (f"{CCXT}.httpsProxy", ""),
    (f"{CCXT}.urls.api.fapiPublic", OTHER_PORT),
    ("exchange.ccxt_async_config.timeout", 9),
    ("exchange.ccxt_sync_config.urls.api.sapi", OTHER_PORT),
]


@pytest.mark.parametrize(("path", "value"), ALLOWED)
def test_what_does_not_lead_away_is_allowed(path, value):
    secret = [("exchange.secret", "")] if path == "exchange.key" else []
    assert problems(changed((path, value), *secret), {}) == []


REFUSED = [
    # Keys of the exchange, wherever Freqtrade or ccxt takes them from.
    *(
        (f"exchange.{name}", "REAL")
        for name in ("key", "apiKey", "api_key", "secret", "password", "uid", "privateKey")
    ),
    *(
        (f"exchange.{section}.{name}", "REAL")
        for section in ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")
        for name in ("apiKey", "secret", "password", "uid", "privateKey", "walletAddress")
    ),
    ("perpkit_venue", ...),
    ("perpkit_venue.accounts", {"another": "rehearsal"}),
    ("perpkit_venue.accounts", {"rehearsal": "another"}),
    ("perpkit_venue.accounts", []),
    # Other URLs on top.
    *(
        (f"exchange.{name}", True)
        for name in ("sandbox", "demo_trading", "testnet", "enable_ws", "sandboxMode")
    ),
    *(
        (f"exchange.{section}.{name}", True)
        for section in ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")
        for name in (
            "sandbox",
            "testnet",
            "options.sandbox",
            "options.testnet",
            "options.sandboxMode",
            "options.enableDemoTrading",
            "options.demo",
        )
    ),
    ("exchange.only_from_ccxt", False),
    ("exchange.only_from_ccxt", ...),
    ("exchange.enable_ws", ...),
    ("exchange.name", "bybit"),
    # In part.
    *(
        (f"exchange.{section}.urls.api.{name}", REAL)
        for section in ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")
        for name in ("fapiPrivate", "sapi", "ws", "newApi")
    ),
    (f"{CCXT}.urls.api.fapiPrivateV3", ...),
    (f"{CCXT}.urls.api.papi", ...),
    (f"{CCXT}.urls", ...),
    (CCXT, ...),
    # Past the venue.
    (f"{CCXT}.httpsProxy", "http://proxy:1"),
    (f"{CCXT}.http_proxy", "http://proxy:1"),
    (f"{CCXT}.socksProxy", "http://proxy:1"),
    (f"{CCXT}.proxyUrl", "http://proxy:1"),
    (f"{CCXT}.proxies", {"https": "http://proxy:1"}),
    ("exchange.ccxt_async_config.aiohttp_trust_env", True),
]


@pytest.mark.parametrize(("path", "value"), REFUSED)
def test_what_mixes_the_two_is_refused_by_name(path, value):
    found = problems(changed((path, value)), {})
    assert len(found) == 1
    assert "REAL" not in found[0]
    name = path.rpartition(".")[2]
    known = ("perpkit_venue", "accounts", "api_key", "apiKey", "urls", "ccxt_config")
    assert name in found[0] or name in known or "in the configuration are not those" in found[0]


def test_everything_is_told_at_once():
    given = [("exchange.key", "REAL"), ("exchange.enable_ws", True), (f"{CCXT}.sandbox", True)]
    assert len(problems(changed(*given), {})) == 3


@pytest.mark.parametrize(
    "variable",
    [
        "FREQTRADE__EXCHANGE__KEY",
        "FREQTRADE__EXCHANGE__SECRET",
        "FREQTRADE__EXCHANGE__PASSWORD",
        "FREQTRADE__EXCHANGE__UID",
        "FREQTRADE__EXCHANGE__API_KEY",
        "FREQTRADE__EXCHANGE__APIKEY",
        "FREQTRADE__exchange__key",
        "FREQTRADE__Exchange__Secret",
        "FREQTRADE__FREQTRADE__EXCHANGE__KEY",  # Freqtrade removes every prefix
        "FREQTRADE__EXCHANGE",
        "FREQTRADE__EXCHANGE__NAME",
        "FREQTRADE__EXCHANGE__ENABLE_WS",
        "FREQTRADE__EXCHANGE__SANDBOX",
        "FREQTRADE__EXCHANGE__DEMO_TRADING",
        "FREQTRADE__EXCHANGE__CCXT_CONFIG",
        "FREQTRADE__EXCHANGE__CCXT_CONFIG__apiKey",
        "FREQTRADE__EXCHANGE__CCXT_CONFIG__URLS__API__fapiPrivate",
        "FREQTRADE__EXCHANGE__CCXT_SYNC_CONFIG__secret",
        "FREQTRADE__exchange__ccxt_async_config__httpsProxy",
        "FREQTRADE__DRY_RUN",
        "FREQTRADE__DB_URL",
        "FREQTRADE__DATADIR",
        "FREQTRADE__LOGFILE",
        "FREQTRADE__PERPKIT_VENUE__ACCOUNTS__REAL",
    ],
)
def test_the_environment_may_not_replace_what_the_overlay_sets(variable):
    (found,) = problems(overlay(URL), {variable: "the value", "HOME": "/"})
    assert variable in found
    assert "the value" not in found


@pytest.mark.parametrize(
    "variable",
    [
        "FREQTRADE__EXCHANGE__PAIR_WHITELIST",
        "FREQTRADE__TELEGRAM__TOKEN",
        "FREQTRADE__API_SERVER__PASSWORD",
        "FREQTRADE__MAX_OPEN_TRADES",
        "FREQTRADE__PERPKIT__USE__REFRESH",
        "FREQTRADE_EXCHANGE_KEY",
        "freqtrade__exchange__key",  # Freqtrade does not read it
        "FREQTRADE__",
        "KEY",
    ],
)
def test_the_rest_of_the_environment_is_left_alone(variable):
    assert problems(overlay(URL), {variable: "value"}) == []
