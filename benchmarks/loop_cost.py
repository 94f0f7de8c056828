"""User CPU of Freqtrade's `backtest()` alone, in a process of its own; prints JSON.

`python -m benchmarks.loop_cost STRATEGY TIMERANGE --pairs N [--settings JSON] [--datadir DIR]`
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
from pathlib import Path

from benchmarks.backtest_cost import prepared
from benchmarks.backtests import DATA
from benchmarks.offline import offline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("strategy")
    parser.add_argument("timerange")
    parser.add_argument("--pairs", nargs="+", required=True)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--datadir", type=Path, default=DATA)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    offline()
    settings = {"max_open_trades": len(given.pairs), **given.settings}
    run = prepared(given.strategy, False, settings, given.pairs, given.timerange, given.datadir)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    _, trades = run()
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    print(json.dumps({"user_s": spent, "trades": trades}))


if __name__ == "__main__":
    main()
