"""The Freqtrade configuration that sends all of its exchange traffic to a venue."""

from __future__ import annotations

from typing import Any

# Every API that ccxt knows for Binance, used or not: none may reach the real exchange.
_PATHS = {
    "fapiPublic": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPrivateV3": "/fapi/v3",
    "fapiData": "/futures/data",
    "dapiPublic": "/dapi/v1",
    "dapiPrivate": "/dapi/v1",
    "dapiPrivateV2": "/dapi/v2",
    "dapiData": "/dapi/data",
    "eapiPublic": "/eapi/v1",
    "eapiPrivate": "/eapi/v1",
    "papi": "/papi/v1",
    "papiV2": "/papi/v2",
    "sapi": "/sapi/v1",
    "sapiV2": "/sapi/v2",
    "sapiV3": "/sapi/v3",
    "sapiV4": "/sapi/v4",
    "public": "/api/v3",
    "private": "/api/v3",
    "v1": "/api/v1",
}


def overlay(base_url: str, *, throttle: bool = False) -> dict[str, Any]:
    """To be given last: `freqtrade trade -c config.json -c config.venue.json`.

    No URL of the real exchange is left: a call that the venue does not know fails at the venue.

    :param base_url: such as "http://127.0.0.1:8900"; over https the certificate is not checked
    :param throttle: let ccxt keep the rate limits, for a venue that enforces them
    """
    unchecked = {"verify": False} if base_url.startswith("https://") else {}
    return {
        "exchange": {
            "name": "binance",
            # The venue has no websocket, and 1m to 30m candles would come from a public archive.
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
                "urls": {"api": {name: base_url + path for name, path in _PATHS.items()}},
            },
        }
    }
