"""What a command gets that is started with a stored key."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from freqtrade.configuration.environment_vars import environment_vars_to_dict

from perpkit.ops.keys.api_key import ApiKey
from perpkit.ops.keys.running import environment, named, refuse_hidden_key
from perpkit.ops.stored import BadInputError
from tests.bench.planted import KEY, PASSPHRASE, SECRET

STORED = ApiKey(KEY, SECRET, datetime(2026, 1, 1, tzinfo=UTC))
PREFIX = "FREQTRADE__EXCHANGE__"


@pytest.mark.parametrize(
    "before",
    [
        {},
        {f"{PREFIX}KEY": "old", f"{PREFIX}SECRET": "old"},
        {f"{PREFIX}API_KEY": "old", f"{PREFIX}APIKEY": "old"},
        {f"{PREFIX}key": "old", f"{PREFIX}api_key": "old", f"{PREFIX}apiKey": "old"},
    ],
)
def test_freqtrade_finds_the_stored_key(before, monkeypatch):
    given = environment({"PATH": "/bin", "PERPKIT_KEYS_PASSPHRASE": PASSPHRASE, **before}, STORED)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert environment_vars_to_dict()["exchange"] == {"key": KEY, "secret": SECRET}
    assert given["PATH"] == "/bin"
    assert PASSPHRASE not in given.values()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["freqtrade", "trade", "-c", "x.json"], "freqtrade trade"),
        (
            ["/venv/bin/freqtrade", "--db-url=postgresql://me:pw@host/db", "trade"],
            "freqtrade trade",
        ),
        (["freqtrade", "-V"], "freqtrade"),
        (["python", "-m", "freqtrade", "trade"], "python freqtrade"),
    ],
)
def test_a_command_is_named_without_its_options(command, words):
    assert named(command) == words


@pytest.mark.parametrize(
    ("exchange", "command", "refused"),
    [
        ({"api_key": "x"}, ["freqtrade", "trade", "-c", "FILE"], "exchange.api_key"),
        ({"api_key": ""}, ["freqtrade", "trade", "--config=FILE"], "exchange.api_key"),
        ({"apiKey": None}, ["freqtrade", "trade", "--config", "FILE"], "exchange.apiKey"),
        ({"api_key": "x"}, ["python", "-m", "freqtrade", "trade", "-cFILE"], "exchange.api_key"),
        ({"api_key": "x"}, ["freqtrade", "trade", "--userdir", "HOME"], "exchange.api_key"),
        ({"key": "x", "secret": "y"}, ["freqtrade", "trade", "-c", "FILE"], None),
        ({}, ["freqtrade", "trade", "-c", "FILE"], None),
        ({"api_key": "x"}, ["other", "trade", "-c", "FILE"], None),
        ({"api_key": "x"}, ["freqtrade", "trade", "-c", "nowhere.json"], None),
        ({"api_key": "x"}, ["freqtrade", "trade", "-c"], None),
    ],
)
def test_a_configuration_that_hides_the_key(tmp_path, monkeypatch, exchange, command, refused):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"exchange": exchange}))
    if "HOME" not in command:
        file = file.rename(tmp_path / "bot.json")
    words = [w.replace("FILE", str(file)).replace("HOME", str(tmp_path)) for w in command]
    if refused is None:
        refuse_hidden_key(words)
        return
    with pytest.raises(BadInputError, match=refused):
        refuse_hidden_key(words)
