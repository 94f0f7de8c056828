"""The Freqtrade configuration that sends all of a bot's exchange traffic to a venue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perpkit.rehearsal.redirection import API_PATHS, VENUE

# The account of a venue by default: key and secret.
ACCOUNT = {"rehearsal": "rehearsal"}


def overlay(
    base_url: str,
    folder: Path = Path("rehearsal"),
    *,
    accounts: Mapping[str, str] = ACCOUNT,
    live: bool = False,
    throttle: bool = False,
) -> dict[str, Any]:
    """Returns a configuration to pass last: `freqtrade trade -c config.json -c config.venue.json`.

    It leaves no URL and no key of the real exchange, and the bot shares no stored data with a bot
    that trades there: see `perpkit.rehearsal`.

    :param base_url: such as "http://127.0.0.1:8900"; over https the certificate is not checked
    :param folder: where the bot stores its data; each mode has its own database and log
    :param accounts: secrets by key; the first one is used
    :param live: whether the bot places real orders at the venue; otherwise dry-run
    :param throttle: whether ccxt keeps the rate limits, for a venue that enforces them
    """
    unchecked = {"verify": False} if base_url.startswith("https://") else {}
    key, secret = next(iter(accounts.items()))
    mode = "live" if live else "dry-run"
    return {
        "dry_run": not live,
        "bot_name": "rehearsal",
        "datadir": str(folder / "data"),
        "db_url": f"sqlite:///{folder / mode}.sqlite",
        "logfile": f"{folder / mode}.log",
        VENUE: {"accounts": dict(accounts)},
        "exchange": {
            "name": "binance",
            "key": key,
            "secret": secret,
            # Websockets have URLs of their own in ccxt, and 1m to 30m candles would come from a
            # public archive.
            "enable_ws": False,
            "only_from_ccxt": True,
            "ccxt_config": {
                "enableRateLimit": throttle,
                "timeout": 5000,
                **unchecked,
                "options": {
                    "fetchMarkets": {"types": ["linear"]},
                    "fetchCurrencies": False,
                    "fetchMargins": False,
                    "adjustForTimeDifference": False,
                },
                "urls": {"api": {name: base_url + path for name, path in API_PATHS.items()}},
            },
        },
    }
