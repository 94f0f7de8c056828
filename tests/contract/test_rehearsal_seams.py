"""The seams that keep rehearsal apart. Seen to hold on Freqtrade 2026.6 and 2026.9."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ccxt
import pytest
from freqtrade.config_schema import config_schema
from freqtrade.configuration import Configuration
from freqtrade.data.history import history_utils
from freqtrade.enums import RunMode, State
from freqtrade.exceptions import OperationalException

from perpkit.rehearsal.datadir_mark import mark, marked
from perpkit.rehearsal.redirection import API_PATHS
from perpkit.venue.overlay import overlay
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.contract

URL = "http://127.0.0.1:1"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Freqtrade's own loading of configuration files, as for a command."""
    monkeypatch.setattr("freqtrade.configuration.configuration.setup_logging", lambda _: None)
    (tmp_path / "user_data").mkdir()

    def load(*configs: dict[str, Any], command: str = "trade", **arguments: Any) -> dict[str, Any]:
        files = [str(REPOSITORY / "config.json.example")]
        for number, config in enumerate(configs):
            path = tmp_path / f"{number}.json"
            path.write_text(json.dumps(config))
            files.append(str(path))
        given = {"config": files, "user_data_dir": str(tmp_path / "user_data"), **arguments}
        mode = None if command == "trade" else RunMode.UTIL_EXCHANGE
        return Configuration({"command": command, **given}, mode).get_config()

    return load


@pytest.fixture
def apart(tmp_path) -> dict[str, Any]:
    return overlay(URL, tmp_path / "rehearsal")


def test_the_overlays_places_are_taken(load, apart, tmp_path):
    config = load(apart)
    assert config["datadir"] == tmp_path / "rehearsal" / "data"
    assert config["db_url"] == f"sqlite:///{tmp_path}/rehearsal/dry-run.sqlite"
    assert config["logfile"] == f"{tmp_path}/rehearsal/dry-run.log"
    assert not list((tmp_path / "user_data" / "data").iterdir())


def test_only_the_overlay_has_a_data_directory(load, tmp_path):
    config = load({"datadir": str(tmp_path / "elsewhere")})
    assert config["datadir"] == tmp_path / "user_data" / "data" / "binance"


def test_the_command_line_has_the_last_word(load, apart, tmp_path):
    assert load(apart, datadir=str(tmp_path / "given"))["datadir"] == tmp_path / "given"


@pytest.mark.parametrize("command", ["trade", "download-data", "list-pairs", "backtesting"])
@pytest.mark.parametrize(
    "variable",
    [
        "FREQTRADE__EXCHANGE__KEY",
        "FREQTRADE__exchange__Secret",
        "FREQTRADE__FREQTRADE__EXCHANGE__UID",
        "FREQTRADE__EXCHANGE__CCXT_CONFIG__apiKey",
        "FREQTRADE__EXCHANGE__CCXT_ASYNC_CONFIG__URLS__API__fapiPrivate",
        "FREQTRADE__DB_URL",
    ],
)
def test_the_environment_is_seen_as_freqtrade_reads_it(load, apart, variable, command, monkeypatch):
    without = load({}, command=command)["original_config"]
    monkeypatch.setenv(variable, "the value")
    assert load({}, command=command)["original_config"] != without
    with pytest.raises(OperationalException, match=variable) as error:
        load(apart, command=command)
    assert "the value" not in str(error.value)


def test_the_order_of_files_matters(load, apart):
    real = {"exchange": {"key": "real", "secret": "real"}}
    assert load(real, apart)["exchange"]["key"] == "rehearsal"
    with pytest.raises(OperationalException, match="key, secret"):
        load(apart, real)


def test_a_download_marks_or_refuses(load, apart, tmp_path):
    load(apart, command="download-data")
    assert URL in marked(tmp_path / "rehearsal" / "data")
    with pytest.raises(OperationalException, match=r"perpkit-venue\.json"):
        load(command="download-data", datadir=str(tmp_path / "rehearsal" / "data"))


def test_a_download_by_the_api_refuses(load, tmp_path, monkeypatch):
    """It begins with a configuration that was loaded for something else."""
    config = load(command="list-data")
    mark(Path(config["datadir"]), "synthetic market, seed 1")
    with pytest.raises(OperationalException, match=r"perpkit-venue\.json"):
        history_utils.download_data(config, None)
    from freqtrade.data import history

    assert history.download_data_main.__globals__["download_data"] is history_utils.download_data


def test_a_bot_can_start_paused():
    assert "paused" in config_schema.CONF_SCHEMA["properties"]["initial_state"]["enum"]
    assert State["PAUSED"]


def test_every_api_that_ccxt_knows_is_led_to_the_venue():
    assert set(API_PATHS) == set(ccxt.binance().urls["api"])
