"""What a live bot on the base strategy tells and shows: levels, first stop, version, locks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import PairLocks
from freqtrade.rpc import RPC

from perpkit import __version__
from perpkit.bot.strategy import PerpStrategy
from tests.bench.acts import STEP, all_messages, hold, live_stops
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences
from tests.bench.rest import rest_api
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
PAIR = "BTC/USDT:USDT"


def test_levels_first_stop_and_locks_are_shown_and_survive_a_restart(tmp_path, monkeypatch):
    # As a file of hyperopt has it, which is read after `bot_start`.
    monkeypatch.setattr(PerpStrategy, "sell_params", {"stop_distance": 0.04}, raising=False)
    venue, market = SameVenue(), scripted_market(START, [(0, 50_000.0)])
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}

    def start(at):
        return bench("GuardedSteered", market, at, serve=venue.serve, userdir=tmp_path, **settings)

    with start(START) as bot:
        hold(bot, venue)
        assert any(text.startswith("Stop: 4% of the price") for text in all_messages(bot))
        begun = [m["status"] for m in bot.messages if m["type"] == "startup"]
        config = RPC._rpc_show_config(bot.bot.config, "running", bot.bot.strategy.version())
        assert config["strategy_version"] == f"Perpkit {__version__}"
        assert (config["stoploss"], config["minimal_roi"]) == (-0.04, {"0": 0.10})
        assert not [text for text in begun if "-0.6" in text]
        (trade,) = bot.trades()
        # The stop of this strategy is 2% away, at 3x.
        assert trade.initial_stop_loss == trade.stop_loss
        assert trade.initial_stop_loss == pytest.approx(0.98 * trade.open_rate, rel=1e-4)
        assert trade.initial_stop_loss_pct == pytest.approx(-0.06, rel=0.01)
        PairLocks.lock_pair(PAIR, bot.now + timedelta(minutes=9), "by hand", now=bot.now)
        chart = RPC(bot.bot)._rpc_analysed_dataframe(PAIR, "1m", 100, None)
        assert [area["label"] for area in chart["annotations"]] == [
            f"Lock: no new entries ({PAIR}). by hand"
        ]
        assert "planned_stop" in chart["columns"]
        with rest_api(bot) as api:
            plot = api.get("/api/v1/plot_config").json()
            asked = {"pair": PAIR, "timeframe": "1m", "limit": 100}
            shown = api.get("/api/v1/pair_candles", params=asked).json()
        assert {"planned_stop", "planned_target"} <= set(plot["main_plot"])
        assert "Breakers" not in plot["subplots"]
        assert {"planned_stop", "planned_target"} <= set(shown["columns"])
        assert [area["label"] for area in shown["annotations"]] == [
            f"Lock: no new entries ({PAIR}). by hand"
        ]
        stop, later = trade.stop_loss, bot.now + timedelta(minutes=1)

    with start(later) as bot:
        assert bot.trades()[0].stop_loss == stop
        bot.run(14, STEP)
        (trade,) = bot.trades()
        assert trade.stop_loss == stop
        assert trade.initial_stop_loss == stop
        assert len(live_stops(venue)) == 1
        assert differences(bot.trades(), venue) == []
