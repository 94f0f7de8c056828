"""What Freqtrade takes out of a configuration before it shows it, or puts it into results."""

from __future__ import annotations

import logging

import ccxt
import pytest
from freqtrade.configuration import sanitize_config
from freqtrade.configuration.environment_vars import _flat_vars_to_nested_dict
from freqtrade.loggers import _set_log_levels

from tests.bench.planted import ACCOUNTS, KEY, MARK, SECRET, SWITCHED_OFF

pytestmark = pytest.mark.contract


def test_all_but_the_key_of_tokens_is_taken_out():
    """docs/security.md says so; `_LEFT_BY_FREQTRADE` of tests/bench/leaks.py goes by it."""
    config = {"exchange": {"key": KEY, "secret": SECRET}, **SWITCHED_OFF}
    shown = sanitize_config(config)
    assert MARK in shown["api_server"].pop("jwt_secret_key")
    assert MARK not in str(shown)


def test_what_the_venue_may_be_used_with_is_left():
    """`perpkit_venue` is none of Freqtrade's settings, and holds no key of the exchange."""
    config = {"perpkit_venue": {"accounts": ACCOUNTS}}
    assert sanitize_config(config) == config


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("KEY", KEY, KEY),
        ("SECRET", SECRET, SECRET),
        # Why `perpkit keys` refuses keys that look like this.
        ("KEY", "1234567890", 1234567890),
        ("SECRET", "12345e2", 1234500.0),
        ("SECRET", '["a"]', ["a"]),
    ],
    ids=range(5),
)
def test_how_the_environment_is_read(name, value, read):
    given = {f"FREQTRADE__EXCHANGE__{name}": value}
    found = _flat_vars_to_nested_dict(given, "FREQTRADE__")
    assert found["exchange"] == {name.lower(): read}


@pytest.mark.parametrize(
    ("verbosity", "ccxt_logs", "signed_urls"),
    [(0, False, False), (2, False, True), (3, True, True)],
)
def test_from_when_on_freqtrade_logs_requests(verbosity, ccxt_logs, signed_urls):
    config: dict = {}
    _set_log_levels(config, verbosity)
    levels = {name: each["level"] for name, each in config["loggers"].items()}
    assert (levels["ccxt.base.exchange"] == "DEBUG") is ccxt_logs
    assert (levels["urllib3"] == "DEBUG") is signed_urls


def test_what_ccxt_logs_of_a_request(caplog):
    """Its headers, and so the key; never the secret."""
    client = ccxt.binance({"apiKey": "visible-key", "secret": "no-secret"})
    client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:9")
    with caplog.at_level(logging.DEBUG, "ccxt.base.exchange"), pytest.raises(ccxt.NetworkError):
        client.fapiPrivateGetAccountConfig()
    assert "visible-key" in caplog.text
    assert "signature=" in caplog.text
    assert "no-secret" not in caplog.text
