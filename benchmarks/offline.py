"""Runs stock `freqtrade` without a network, with made-up markets and with stored candles.

The other benchmarks use it as `python -m benchmarks.offline backtesting ...`.
"""

from __future__ import annotations

import sys

from freqtrade.exchange import Exchange
from freqtrade.main import main


def offline() -> None:
    """Keeps every exchange object of this process from sending requests, from now on."""
    Exchange._load_async_markets = _made_up_markets
    Exchange.check_time_offset = lambda _: None


def _made_up_markets(exchange: Exchange, *_: object, **__: object) -> None:
    from tests import factories  # not of Freqtrade's imports, whose cost is measured

    exchange._api_async.set_markets(factories.markets())


if __name__ == "__main__":
    offline()
    main(sys.argv[1:])
