"""What a scrape has of state files that are sound, old, missing, damaged, or know little."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from perpkit.ops.metrics.collector import METRICS, OF_FILE, PARTS, Bot, StateCollector
from perpkit.record import state
from perpkit.record.state_file import write
from tests.bench.states import BTC, NOW, everything, least

SECOND = timedelta(seconds=1)
FILE_ONLY = {"perpkit_state_up", "perpkit_state_age_seconds", "perpkit_state_error"}


@pytest.fixture
def scrape(tmp_path):
    """Returns the values of a scrape, by name and labels, of files with these contents."""

    def scrape(*contents, after=3.0):
        bots = []
        for number, content in enumerate(contents):
            bots.append(Bot(f"bot{number}", path := tmp_path / f"{number}.state.json"))
            if isinstance(content, state.State):
                write(path, content)
            elif content is not None:
                path.write_bytes(content)
        return values(StateCollector(bots, now=lambda: NOW + after * SECOND))

    return scrape


def values(collector):
    """As Prometheus reads the answer."""
    text = generate_latest(collector).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, *(value for name, value in sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def names(found, bot="bot0"):
    return {name for name, *labels in found if bot in labels}


SHOWN = {
    ("perpkit_state_up", "bot0"): 1,
    ("perpkit_state_age_seconds", "bot0"): 3,
    ("perpkit_state_error", "bot0", "stale"): 0,
    ("perpkit_state_part_missing", "bot0", "account"): 0,
    ("perpkit_bot_info", "bot0", "USDT", "2026.9", "live", "0.1.0", "RsiSmaSwing"): 1,
    ("perpkit_bot_state", "bot0", "running"): 1,
    ("perpkit_bot_state", "bot0", "stopped"): 0,
    ("perpkit_bot_passive", "bot0"): 1,
    ("perpkit_cycles_total", "bot0"): 9,
    ("perpkit_cycle_max_seconds", "bot0"): 2,
    ("perpkit_cycles_failing", "bot0"): 9,
    ("perpkit_trading_state", "bot0", "reducing"): 1,
    ("perpkit_trading_state", "bot0", "active"): 0,
    ("perpkit_breaker_restrictions", "bot0", "DrawdownBreaker", "reducing"): 1,
    ("perpkit_breaker_restrictions", "bot0", "VolatilityBreaker", "halted"): 0,
    ("perpkit_breaker_size_factor", "bot0", "DrawdownBreaker"): 0,
    ("perpkit_breaker_size_factor", "bot0", "VolatilityBreaker"): 1,
    ("perpkit_locks", "bot0"): 1,
    ("perpkit_lock_end_time_seconds", "bot0", BTC, "long"): (NOW + SECOND).timestamp(),
    ("perpkit_latch_state", "bot0", "halted"): 1,
    ("perpkit_account_equity", "bot0"): 1_002.7,
    ("perpkit_account_drawdown_ratio", "bot0"): 0.0885,
    ("perpkit_account_unexplained", "bot0"): 0.5,
    ("perpkit_positions", "bot0"): 1,
    ("perpkit_stops_missing", "bot0"): 0,
    ("perpkit_position_liquidation_distance_ratio", "bot0", BTC, "long"): 0.3072,
    ("perpkit_position_stop_distance_ratio", "bot0", BTC, "long"): 0.0594,
    ("perpkit_position_adl_rank", "bot0", BTC, "long"): 2,
    ("perpkit_request_weight_ratio", "bot0"): 0.05,
    ("perpkit_orders_ratio", "bot0", "10s"): 1 / 300,
    ("perpkit_order_errors_total", "bot0", "-2019"): 3,
    ("perpkit_orders_failed_total", "bot0"): 4,
    ("perpkit_data_age_seconds", "bot0"): 63,
    ("perpkit_data_newest_age_seconds", "bot0"): 3,
    ("perpkit_slippage_mean_ratio", "bot0"): pytest.approx(0.00015),
    ("perpkit_callback_failures_total", "bot0", "leverage"): 1,
    ("perpkit_books_differing", "bot0"): 1,
    ("perpkit_journal_sound", "bot0"): 1,
    ("perpkit_entries_refused_total", "bot0", "book"): 2,
}


def test_what_a_fresh_file_says(scrape):
    found = scrape(everything())
    assert {key: found[key] for key in SHOWN} == SHOWN


def test_every_metric_has_a_value_of_a_file_with_everything(scrape):
    loop = everything().loop.model_copy(update={"succeeded_at": NOW})
    found = scrape(everything().model_copy(update={"loop": loop}))
    assert names(found) == {metric.name for metric in METRICS} | {*OF_FILE}
    assert all(metric.name.startswith("perpkit_") for metric in METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize(
    ("content", "after", "reason", "aged"),
    [
        (everything(), 45, None, True),
        (everything(), 46, "stale", True),
        (everything(), -61, "stale", True),
        (None, 3, "missing", False),
        (b"", 3, "damaged", False),
        (b"\x00\xff" * 999, 3, "damaged", False),
        (b'{"schema_number": 1}', 3, "damaged", False),
        (b"[" * 99_999, 3, "damaged", False),
        (everything().model_dump_json()[:-9].encode(), 3, "damaged", False),
        (json.dumps({"schema_number": state.SCHEMA + 1}).encode(), 3, "newer", False),
    ],
)
def test_only_a_fresh_file_has_figures(scrape, content, after, reason, aged):
    found = scrape(content, everything(), after=after)
    assert found["perpkit_state_up", "bot1"] == (reason != "stale")  # it is as old
    assert found["perpkit_state_up", "bot0"] == (reason is None)
    if reason is not None:
        assert found["perpkit_state_error", "bot0", reason] == 1
        assert names(found) == FILE_ONLY - (set() if aged else {"perpkit_state_age_seconds"})
    assert (("perpkit_state_age_seconds", "bot0") in found) is aged


def test_a_part_that_is_missing_has_no_figures_and_is_named(scrape):
    found = scrape(least())
    missing = {labels[-1] for (name, *labels), v in found.items() if "part_missing" in name and v}
    assert missing == {*PARTS}
    assert names(found) == {
        "perpkit_state_up", "perpkit_state_age_seconds", "perpkit_state_error",
        "perpkit_state_part_missing", "perpkit_unknown_values", "perpkit_bot_info",
        "perpkit_bot_start_time_seconds", "perpkit_bot_state", "perpkit_bot_passive",
    }  # fmt: skip
    assert {"account", "positions", "requests", "candles"} < missing


def test_a_figure_that_the_bot_does_not_know_is_counted_and_not_nought(scrape):
    known = everything()
    account = known.account.model_copy(update={"equity": None})
    [position] = known.positions
    unknown = position.model_copy(update={"mark_price": None, "trade_id": 2, "pair": "X/USDT:USDT"})
    given = {"account": account, "positions": (position, unknown)}
    found = scrape(known.model_copy(update=given))
    assert "perpkit_account_equity" not in names(found)
    assert found["perpkit_unknown_values", "bot0", "perpkit_account_equity"] == 1
    assert found["perpkit_unknown_values", "bot0", "perpkit_position_mark_price"] == 1
    assert found["perpkit_unknown_values", "bot0", "perpkit_account_open_risk"] == 0
    prices = [key for key in found if key[0] == "perpkit_position_mark_price"]
    assert prices == [("perpkit_position_mark_price", "bot0", BTC, "long")]


def test_two_positions_of_one_name_are_one_value(scrape):
    """Prometheus would drop the scrape's second one, or all of it."""
    [position] = everything().positions
    found = scrape(everything().model_copy(update={"positions": (position, position)}))
    assert found["perpkit_positions", "bot0"] == 2
    assert found["perpkit_position_notional", "bot0", BTC, "long"] == 303.0


def test_what_labels_hold_cannot_break_the_scrape(scrape):
    wild = 'a"b\\c\nd{}'
    trading = everything().trading
    restriction = trading.restrictions[0].model_copy(update={"name": wild})
    given = {"trading": trading.model_copy(update={"restrictions": (restriction,)})}
    found = scrape(everything().model_copy(update=given))
    assert found["perpkit_breaker_restrictions", "bot0", wild, "reducing"] == 1


def test_a_file_that_may_not_be_read_takes_nothing_from_the_others(tmp_path, scrape):
    (tmp_path / "0.state.json").mkdir()
    found = scrape(None, everything())
    assert found["perpkit_state_up", "bot0"] == 0
    assert found["perpkit_state_error", "bot0", "damaged"] == 1
    assert found["perpkit_account_equity", "bot1"] == 1_002.7


@pytest.mark.parametrize("odd", [{"weight_limit": 0}, {"orders_1m": 10**400}])
def test_figures_that_make_no_sense_take_nothing_from_the_others(scrape, odd):
    content = json.loads(everything().model_dump_json())
    content["requests"] |= odd
    found = scrape(json.dumps(content).encode(), everything())
    assert found["perpkit_state_error", "bot0", "unreadable"] == 1
    assert names(found, "bot0") == {"perpkit_state_up", "perpkit_state_error"}
    assert found["perpkit_state_up", "bot1"] == 1
