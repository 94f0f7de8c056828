"""The seams behind plugin discovery. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freqtrade import constants
from freqtrade.config_schema import config_schema
from freqtrade.configuration import config_validation
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, OperationalException
from freqtrade.plugins.pairlist.IPairList import IPairList
from freqtrade.plugins.protections import IProtection
from freqtrade.resolvers import PairListResolver, ProtectionResolver, StrategyResolver

pytestmark = pytest.mark.contract

PROTECTION = """
from freqtrade.plugins.protections import IProtection

class {name}(IProtection):
    def short_desc(self): return "{name}"
    def global_stop(self, date_now, side, starting_balance): return None
    def stop_per_pair(self, pair, date_now, side, starting_balance): return None
"""

PAIRLIST = """
from freqtrade.plugins.pairlist.IPairList import IPairList

class {name}(IPairList):
    @staticmethod
    def description(): return "{name}"
    def short_desc(self): return "{name}"
"""


@pytest.fixture
def config(default_futures_config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    before = list(constants.AVAILABLE_PAIRLISTS)
    yield {**default_futures_config, "runmode": RunMode.OTHER}
    constants.AVAILABLE_PAIRLISTS[:] = (
        before  # a name announced in one test is not known in the next
    )


def write(folder: Path, name: str, source: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source.format(name=name))
    return folder


def load_protection(config: dict[str, Any], name: str) -> IProtection:
    return ProtectionResolver.load_protection(name, config, {"method": name})


def load_pairlist(config: dict[str, Any], name: str) -> IPairList:
    return PairListResolver.load_pairlist(name, None, None, config, {"method": name}, 0)


@pytest.mark.parametrize(
    ("kind", "key", "source", "load"),
    [
        ("protections", "protection_path", PROTECTION, load_protection),
        ("pairlists", "pairlist_path", PAIRLIST, load_pairlist),
    ],
)
class TestPluginsAreFound:
    def test_in_the_user_directory(self, kind, key, source, load, config):
        write(config["user_data_dir"] / kind, "Mine", source)
        assert load(config, "Mine").short_desc() == "Mine"

    def test_in_the_folder_named_by_the_config(self, kind, key, source, load, config, tmp_path):
        config[key] = str(write(tmp_path / "elsewhere", "Mine", source))
        assert load(config, "Mine").short_desc() == "Mine"

    def test_the_named_folder_comes_before_the_user_directory(
        self, kind, key, source, load, config, tmp_path
    ):
        write(config["user_data_dir"] / kind, "Mine", source.replace('"{name}"', '"user"'))
        elsewhere = write(tmp_path / "elsewhere", "Mine", source.replace('"{name}"', '"named"'))
        config[key] = str(elsewhere)
        assert load(config, "Mine").short_desc() == "named"

    def test_a_bad_name_is_answered_with_what_there_is_and_where(
        self, kind, key, source, load, config
    ):
        folder = write(config["user_data_dir"] / kind, "Mine", source)
        with pytest.raises(OperationalException) as error:
            load(config, "Nobody")
        for part in ("'Nobody'", "Mine", str(folder)):
            assert part in str(error.value)

    def test_without_the_user_folder_nothing_is_warned_of(
        self, kind, key, source, load, config, caplog
    ):
        stock = {"protections": "CooldownPeriod", "pairlists": "OffsetFilter"}[kind]
        load(config, stock)
        assert "does not exist" not in caplog.text


def test_own_plugins_are_found_without_any_setting(config):
    assert load_protection(config, "CryptoVixBreaker").name == "CryptoVixBreaker"
    config["strategy"] = "RsiSmaSwing"
    assert StrategyResolver.load_strategy(config).timeframe == "1h"
    assert "FundingRateFilter" in {
        found["name"] for found in PairListResolver.search_all_objects(config, False)
    }


def test_the_schema_reads_the_very_list_that_is_extended():
    schema = config_schema.CONF_SCHEMA["properties"]["pairlists"]["items"]["properties"]["method"]
    assert schema["enum"] is constants.AVAILABLE_PAIRLISTS


def test_a_configured_pairlist_passes_validation(config):
    write(config["user_data_dir"] / "pairlists", "Mine", PAIRLIST)
    config["pairlists"].append({"method": "Mine"})
    assert config_validation.validate_config_schema(config) is config


def test_an_unknown_pairlist_is_refused_by_name(config):
    folder = write(config["user_data_dir"] / "pairlists", "Mine", PAIRLIST)
    config["pairlists"].append({"method": "Nobody"})
    with pytest.raises(ConfigurationError) as error:
        config_validation.validate_config_schema(config)
    for part in ("Unknown pairlist 'Nobody'", "Mine", "StaticPairList", str(folder)):
        assert part in str(error.value)


@pytest.mark.parametrize("pairlists", ["StaticPairList", [{}], [7], [{"method": 7}]])
def test_a_malformed_pairlist_is_left_to_the_schema(config, pairlists):
    config["pairlists"] = pairlists
    with pytest.raises(ConfigurationError, match=r"is not|is a required property"):
        config_validation.validate_config_schema(config)


def python(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    return result.stdout + result.stderr


LOADED = "import sys; print([m for m in sys.modules if m.startswith('perpkit')])"


def test_a_python_without_freqtrade_imports_nothing_of_ours():
    assert python(LOADED).strip() == "[]"


@pytest.mark.parametrize(("switch", "key"), [("1", "protection_path"), ("0", None)])
def test_the_switch(switch, key):
    code = "from freqtrade.resolvers import ProtectionResolver as r; print(r.extra_path)"
    assert python(code, PERPKIT_PLUGINS=switch).strip() == str(key)


def test_a_broken_hook_is_reported_and_freqtrade_starts():
    code = (
        "import sys; sys.modules['perpkit.bot.loading.hook'] = None\n"
        "import freqtrade.constants; print('started')"
    )
    output = python(code)
    assert "started" in output
    assert "perpkit: no plugin discovery" in output
