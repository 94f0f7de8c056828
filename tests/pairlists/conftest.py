import pytest
from freqtrade.enums import RunMode

from tests.pairlists.running import STRATEGY, pairlist_path


@pytest.fixture
def config(default_futures_config):
    return default_futures_config | pairlist_path()


@pytest.fixture
def backtest_config(offline_markets, config):
    (config["user_data_dir"] / "strategies").mkdir()
    (config["user_data_dir"] / "strategies" / "watcher.py").write_text(STRATEGY)
    return config | {
        "runmode": RunMode.BACKTEST,
        "strategy": "Watcher",
        "enable_dynamic_pairlist": True,
        "timerange": "20230205-",
        "export": "none",
    }
