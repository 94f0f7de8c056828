"""The client of an operator's command goes where the bot's goes, with its key."""

from __future__ import annotations

import pytest

from perpkit.ops.exchange import exchange_client
from perpkit.ops.stored import BadInputError

KEYS = {"name": "binance", "key": "a key", "secret": "a secret"}
VENUE = "http://127.0.0.1:8900/fapi/v1"


@pytest.mark.parametrize("section", ["ccxt_config", "ccxt_sync_config"])
def test_it_leads_where_the_configuration_leads(section: str) -> None:
    own = {**KEYS, section: {"urls": {"api": {"fapiPrivate": VENUE}}, "timeout": 1234}}

    client = exchange_client({"exchange": own})

    assert client.urls["api"]["fapiPrivate"] == VENUE
    assert client.timeout == 1234
    assert (client.apiKey, client.secret) == ("a key", "a secret")


def test_what_is_for_the_sync_client_comes_first() -> None:
    own = {**KEYS, "ccxt_config": {"timeout": 1}, "ccxt_sync_config": {"timeout": 2}}

    assert exchange_client({"exchange": own}).timeout == 2


def test_it_trades_perpetuals() -> None:
    assert exchange_client({"exchange": KEYS}).options["defaultType"] == "swap"


@pytest.mark.parametrize("name", ["binanceus", "bybit", "", None])
def test_another_exchange_is_refused(name: str | None) -> None:
    with pytest.raises(BadInputError, match=r"exchange\.name must be"):
        exchange_client({"exchange": {**KEYS, "name": name}})


@pytest.mark.parametrize("name", ["api_key", "apiKey", "key"])
def test_a_key_has_any_of_freqtrades_names(name: str) -> None:
    own = {"name": "binance", name: "a key", "secret": "a secret"}

    assert exchange_client({"exchange": own}).apiKey == "a key"


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({**KEYS, "name": "bybit"}, "exchange.name must be .binance. for this, got 'bybit'"),
        ({**KEYS, "key": ""}, "FREQTRADE__EXCHANGE__KEY"),
        ({**KEYS, "secret": None}, "FREQTRADE__EXCHANGE__SECRET"),
        ({}, "exchange.name"),
    ],
    ids=["another exchange", "no key", "no secret", "no exchange"],
)
def test_what_is_missing_is_named(own: dict[str, object], named: str) -> None:
    with pytest.raises(BadInputError, match=named) as error:
        exchange_client({"exchange": own})

    assert "a secret" not in str(error.value)


@pytest.mark.parametrize("name", ["Binance", "binanceusdm"])
def test_another_name_of_the_same_exchange(name: str) -> None:
    """A bot there has guard and journal, so its operator has the commands."""
    assert exchange_client({"exchange": {**KEYS, "name": name}}).id == "binance"
