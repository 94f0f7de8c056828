"""What is said where nothing is attached, and stock Freqtrade where our hook is off or gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import PairListResolver, StrategyResolver
from freqtrade.strategy import IStrategy

from perpkit.bot.loading.attaching import nothing_attached
from tests.bench.backtests import STRATEGIES

MARKER = {"method": "PerpkitAttached"}
PAIRLISTS = [{"method": "StaticPairList"}]


def load(config: dict[str, Any], name: str, **more: Any) -> IStrategy:
    own = {"strategy": name, "strategy_path": str(STRATEGIES), "runmode": RunMode.BACKTEST}
    return StrategyResolver.load_strategy({**config, **own, **more})


@pytest.mark.parametrize(
    ("name", "perpkit", "marker", "why"),
    [
        ("PlainTrend", None, True, 'there is no "perpkit": {"attach": true}'),
        ("PlainTrend", {}, True, 'there is no "perpkit": {"attach": true}'),
        ("PlainTrend", {"attach": False}, True, '"perpkit.attach" is false'),
        ("PlainTrend", {"attach": None}, True, '"perpkit.attach" is null'),
        ("PlainTrend", {"protections": []}, True, '"perpkit" has no "attach"'),
        ("PlainTrend", {"protections": []}, False, '"perpkit" has no "attach"'),
        ("PlainTrend", {"account": "main"}, False, '"perpkit" has no "attach"'),
        ("PlainTrend", {"attach": False}, False, None),
        ("PlainTrend", {}, False, None),
        ("PlainTrend", None, False, None),
        ("PlainTrend", {"attach": True}, True, None),
        ("PlainTrend", {"attach": ["guard"]}, False, None),
        ("BasedTrend", None, True, None),
        ("BasedTrend", {"protections": []}, False, None),
        ("AttachedSteered", None, True, None),
    ],
)
@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN])
def test_a_line_says_that_nothing_is_attached(
    default_futures_config, caplog, name, perpkit, marker, why, runmode
):
    pairlists = [*PAIRLISTS, MARKER] if marker else PAIRLISTS
    more = {} if perpkit is None else {"perpkit": perpkit}
    load(default_futures_config, name, pairlists=pairlists, runmode=runmode, **more)
    said = [record.getMessage() for record in caplog.records if "attach" in record.getMessage()]
    line = f"Nothing of Perpkit is attached to {name}, which trades as without it: {why}."
    assert said == ([] if why is None else [line])
    assert nothing_attached() == (None if why is None else line)


@pytest.mark.parametrize("attach", [True, False])
def test_the_pairlist_says_so_as_a_bot_starts(default_futures_config, attach):
    """Freqtrade sends the short description of every pairlist."""
    config = {**default_futures_config, "pairlists": [*PAIRLISTS, MARKER]}
    load(config, "PlainTrend", perpkit={"attach": attach})
    marker = PairListResolver.load_pairlist(MARKER["method"], None, None, config, MARKER, 1)
    bare = "PerpkitAttached - Nothing of Perpkit is attached to PlainTrend"
    assert marker.short_desc().startswith(bare) is not attach
    assert marker.short_desc().startswith("PerpkitAttached - ")
    assert marker.filter_pairlist(["A", "B"], {}) == ["A", "B"]


def test_without_the_key_the_class_is_freqtrades_own(default_futures_config):
    assert type(load(default_futures_config, "PlainTrend")).__mro__[1] is IStrategy


# A bot and a backtest check the configuration like this, when the strategy is loaded.
STOCK = """
import json, sys
from pathlib import Path
sys.path += {path!r}
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.configuration import validate_config_consistency
from freqtrade.resolvers import StrategyResolver
config = json.loads(Path({config!r}).read_text())
config |= {{"user_data_dir": Path({userdir!r}), "runmode": RunMode.BACKTEST,
           "strategy": "PlainTrend", "strategy_path": {strategies!r}}}
strategy = StrategyResolver.load_strategy(config)
print("attach:", config["perpkit"]["attach"])
print("bases:", [base.__name__ for base in type(strategy).__mro__[:2]])
print("ours:", [name for name in sys.modules if name.startswith("perpkit")])
try:
    validate_config_consistency(config)
except ConfigurationError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("gone", ["the hook is off", "uninstalled"])
def test_freqtrade_is_stock_and_refuses_the_pairlist(default_futures_config, tmp_path, gone):
    """Without `site`, no .pth file runs: neither our hook nor a checkout's path."""
    keys = ("dry_run", "trading_mode", "margin_mode", "max_open_trades", "stake_currency",
            "stake_amount", "entry_pricing", "exit_pricing", "exchange", "pairlists")  # fmt: skip
    config = {key: default_futures_config[key] for key in keys}
    config |= {"perpkit": {"attach": True}, "pairlists": [*PAIRLISTS, MARKER]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    uninstalled = gone == "uninstalled"
    code = STOCK.format(
        path=[sysconfig.get_paths()["purelib"]] if uninstalled else [],
        userdir=str(default_futures_config["user_data_dir"]),
        strategies=str(STRATEGIES),
        config=str(tmp_path / "config.json"),
    )
    result = subprocess.run(
        [sys.executable, *(["-I", "-S"] if uninstalled else []), "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PERPKIT_PLUGINS": "1" if uninstalled else "0", "COLUMNS": "2000"},
    )
    output = result.stdout + result.stderr
    assert "attach: True\n" in output, output
    assert "bases: ['PlainTrend', 'IStrategy']\n" in output, output
    assert "ours: []\n" in output, output
    assert "refused: 'PerpkitAttached' is not one of ['StaticPairList'" in output, output
