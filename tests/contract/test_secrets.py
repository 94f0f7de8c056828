"""What Freqtrade takes out of a configuration before it shows it, or puts it into results."""

from __future__ import annotations

import pytest
from freqtrade.configuration import sanitize_config
from freqtrade.configuration.environment_vars import _flat_vars_to_nested_dict

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
