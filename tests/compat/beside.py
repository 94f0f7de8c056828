"""Another plugin of Freqtrade in the same environment: both are found."""

from __future__ import annotations

import subprocess
from pathlib import Path

# It sets an exchange into Freqtrade as Python starts, by a .pth as ours.
PACKAGE = "freqtrade-delta-exchange"

_LOOK = """
import json, sys
from pathlib import Path
from freqtrade.exchange import Delta
from freqtrade.exchange.common import SUPPORTED_EXCHANGES
from freqtrade.resolvers import PairListResolver, ProtectionResolver, StrategyResolver
config = {"user_data_dir": Path("user_data"), "timeframe": "1h"}
found = [
    each["name"]
    for resolver in (StrategyResolver, ProtectionResolver, PairListResolver)
    for each in resolver.search_all_objects(config, False)
]
wanted = {"RsiSmaSwing", "CryptoVixBreaker", "FundingRateFilter"}
assert wanted <= {*found}, f"not found: {wanted - {*found}}"
assert "delta" in SUPPORTED_EXCHANGES and Delta.__module__.startswith("freqtrade_delta_exchange")
"""


def beside(python: Path, folder: Path) -> str | None:
    """What is wrong with the two together, None if they are both found."""
    done = subprocess.run(
        [str(python), "-I", "-c", _LOOK], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["no words"])[-1]
