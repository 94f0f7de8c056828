"""`perpkit golive` on a dry-run at the venue: it passes, it does not, and a live bot obeys."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from freqtrade.exceptions import StrategyError
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record import rehearsed
from perpkit.record.golive import read
from perpkit.record.machine_key import VARIABLE, machine_key_made
from perpkit.venue.engine.account import Restrictions
from perpkit.venue.market import datadir
from tests.bench.backtests import exported
from tests.bench.desk import _wired
from tests.bench.in_process import STRATEGIES, arguments_of, bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

BEGIN = datetime(2026, 2, 1, tzinfo=UTC)
START = BEGIN + timedelta(days=12, seconds=20)
HOURS = timedelta(hours=5, minutes=50)
# Of half an hour each: a quarter up, by so much or so little, and a quarter back.
TIDES = 13 * 48
# Little time is enough for what is tested here.
CRITERIA = {"days": 0.2, "trades": 11, "band_days": 10, "rehearsal_trades": 3}
PERPKIT = {"attach": ["guard"], "use": {"refresh": False}, "golive": CRITERIA}
OTHER = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
ONE = {
    "max_open_trades": 1,
    "stake_amount": 2_000,
    "pairlists": [{"method": "StaticPairList"}],
    "entry_pricing": OTHER,  # market orders need it
    "exit_pricing": OTHER,
}


def market():
    rng = np.random.default_rng(4)
    points = [(0, 50_000.0)]
    for tide, share in enumerate(rng.uniform(-0.004, 0.022, TIDES)):
        # Of whole ticks: at others, an order of a backtest would not fill.
        points += [(30 * tide + 15, round(50_000 * (1 + share), 1)), (30 * tide + 30, 50_000)]
    return scripted_market(BEGIN, points)


MARKET = market()


@dataclass
class Desk:
    userdir: Path
    venue: SameVenue
    rehearsal: Path
    export: Path | None = None

    def settings(self, **given):
        database = f"sqlite:///{self.userdir}/dry.sqlite"
        return {**ONE, "dry_run_wallet": 10_000, "db_url": database, "perpkit": PERPKIT, **given}

    @contextmanager
    def start(self, at, **given):
        serve, settings = self.venue.serve, self.settings(**given)
        with bench(
            "Tidal", MARKET, at, serve=serve, userdir=self.userdir, gated=True, **settings
        ) as bot:
            yield bot

    def golive(self, *options, rehearsal=True, **changed):
        """The command's exit code and document, of a configuration that was changed."""
        settings = self.settings(strategy_path=str(STRATEGIES), **changed)
        files = arguments_of(self.userdir, "Tidal", MARKET, settings)["config"]
        given = [
            "golive",
            *(f"-c{file}" for file in files),
            f"--userdir={self.userdir}",
            "--strategy=Tidal",
            f"--backtest={self.export}",
            f"--datadir={self.userdir / 'data'}",
            "--json",
            *options,
        ]
        if rehearsal:
            given.append(f"--rehearsal={self.rehearsal}")
        done = CliRunner().invoke(app, [str(each) for each in given])
        if done.exit_code == 2:
            return 2, done.stderr
        assert done.exit_code in (0, 1), done.output
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """After a dry-run of some days at the venue, with the bot's process and clock still there."""
    userdir = tmp_path_factory.mktemp("golive") / "user_data"
    userdir.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(userdir.parent / "machine.key"))
        desk = Desk(userdir, SameVenue(), userdir / "rehearsal.json")
        with desk.start(START) as bot:
            bot.run_until(lambda: bot.now >= START + HOURS, 2 * HOURS, timedelta(minutes=5))
            datadir.write(MARKET, userdir / "data", ["5m"], int(bot.now.timestamp() * 1000))
            record(desk, bot.now)
            config = bot.bot.config
            settings = {
                **ONE,
                "original_config": without_keys(config["original_config"]),
                "dry_run_wallet": 10_000,
                "perpkit": PERPKIT,
                "datadir": userdir / "data",
                "timerange": f"{BEGIN:%Y%m%d}-",
                "exchange": dict(config["exchange"]),
                "strategy_path": str(STRATEGIES),
            }
            desk.export = exported(config, "Tidal", userdir / "results", **settings)
            desk.venue.account.restrictions = Restrictions(addresses=frozenset({"127.0.0.1"}))
            with _wired(desk.venue.exchange):
                yield desk


def without_keys(config):
    secret = ("key", "secret")
    own = {name: each for name, each in config["exchange"].items() if name not in secret}
    return {**config, "exchange": own}


def record(desk, now):
    found = rehearsed.Rehearsal(
        since=now - timedelta(days=2),
        until=now - timedelta(days=1),
        trades=4,
        breaches={},
        strategies=("Tidal",),
        breakers={"DrawdownBreaker": 1},
    )
    rehearsed.write(desk.rehearsal, found, machine_key_made())


def failed(document):
    return {row["name"]: row["reason"] for row in document["criteria"] if not row["passed"]}


def live(desk, **changed):
    """A live bot of the same user directory, some minutes later."""
    database = f"sqlite:///{desk.userdir}/live.sqlite"
    settings = {**LIVE, **ONE, "db_url": database, **changed}
    return desk.start(datetime.now(UTC) + timedelta(minutes=10), **settings)


def test_a_good_dry_run_passes(desk):
    code, document = desk.golive()
    assert failed(document) == {}
    assert (code, document["passed"], document["kind"]) == (0, True, "intraday")
    [key] = [row for row in document["criteria"] if row["name"] == "API key"]
    assert key["measured"].startswith("warnings: storage: in plain text: exchange.")
    verdict = read(Path(document["verdict"]))
    assert verdict.passed
    assert [horizon.days for horizon in verdict.band] == [1, 2, 3, 5, 7, 10]
    assert oct(Path(document["verdict"]).stat().st_mode)[-3:] == "644"
    assert oct((desk.userdir.parent / "machine.key").stat().st_mode)[-3:] == "600"


def changed(desk, *statements):
    """A copy of the bot's database, changed by SQL."""
    path = desk.userdir / "changed.sqlite"
    path.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(desk.userdir / "dry.sqlite")) as own,
        closing(sqlite3.connect(path)) as database,
        database,
    ):
        own.backup(database)
        for statement in statements:
            database.execute(statement)
    return path


def test_trades_of_a_rehearsal_prove_nothing_about_the_market(desk):
    path = changed(desk, "CREATE TABLE perpkit_venue (mode TEXT)",
                   "INSERT INTO perpkit_venue VALUES ('dry-run')")  # fmt: skip
    code, words = desk.golive(f"--live={path}")
    assert code == 2
    assert "live must be of a bot that saw the exchange's market" in words


def test_a_trade_that_the_bot_missed_and_a_loss_do_not_pass(desk):
    path = changed(
        desk,
        "DELETE FROM trades WHERE id = 5",
        "UPDATE trades SET close_profit_abs = -300 WHERE id > 8",
    )
    code, document = desk.golive(f"--live={path}")
    assert code == 1
    assert {"closed trades", "expectancy", "explained"} <= set(failed(document))


# By the criterion that then is not met: the configuration's criteria, and what is changed in the
# bot's database.
UNMET = {
    "closed trades": ({"trades": 1_000}, ()),
    "days": ({"days": 400}, ()),
    "expectancy": ({}, ("UPDATE trades SET close_profit_abs = -close_profit_abs WHERE id % 2",)),
    "winning": ({}, ("UPDATE trades SET close_profit_abs = -close_profit_abs WHERE id % 3",)),
    "drawdown": ({"drawdown": 0.0}, ()),
    "slippage": ({}, ("UPDATE orders SET average = average * 0.99 WHERE side = 'sell'",)),
    "backtest's band": ({}, ("UPDATE trades SET close_profit_abs = close_profit_abs * 40",)),
    "explained": ({}, ("DELETE FROM trades WHERE id = 5",)),
    "rehearsal": ({"rehearsal_trades": 100}, ()),
}


@pytest.mark.parametrize("name", UNMET)
def test_each_criterion_can_fail(desk, name):
    criteria, statements = UNMET[name]
    perpkit = {**PERPKIT, "golive": {**CRITERIA, **criteria}}
    code, document = desk.golive(f"--live={changed(desk, *statements)}", perpkit=perpkit)
    assert code == 1
    assert failed(document)[name]
    [row] = [row for row in document["criteria"] if row["name"] == name]
    assert row["measured"] != row["required"]


def test_what_is_not_there_is_named_with_what_to_run(desk):
    code, document = desk.golive("--offline", rehearsal=False)
    assert code == 1
    reasons = failed(document)
    assert "perpkit venue --live" in reasons["rehearsal"]
    assert reasons["API key"] == "the exchange was not asked: leave out --offline"
    assert set(reasons) == {"rehearsal", "API key"}
    # Now an earlier verdict does not count.
    assert not read(Path(document["verdict"])).passed


def test_a_key_that_could_not_be_checked_does_not_pass(desk):
    code, document = desk.golive(exchange={"key": "another", "secret": "one"})
    assert code == 1
    [reason] = failed(document).values()
    assert "; withdrawals: not checked; " in reason


def test_options_that_neither_backtest_nor_bot_had_are_named(desk):
    code, document = desk.golive(stake_amount="unlimited", max_open_trades=20, stoploss=-0.4)
    reasons = failed(document)
    assert code == 1
    assert set(reasons) == {"backtest's strategy", "bot's strategy"}
    for reason in reasons.values():
        assert '"max_open_trades", "stake_amount", "stoploss"' in reason


def test_evidence_that_cannot_be_judged_withdraws_the_verdict(desk, tmp_path):
    _, document = desk.golive()
    path = Path(document["verdict"])
    earlier = read(path)
    assert earlier.passed
    assert earlier.band
    # An export with a file of parameters that is none.
    export = Path(shutil.copy(desk.export, tmp_path))
    with zipfile.ZipFile(export, "a") as archive:
        archive.writestr(f"{export.stem}_Tidal.json", "[]")
    code, words = desk.golive(f"--backtest={export}")
    assert code == 2
    assert words.strip().endswith("It cannot be judged, and an earlier verdict no longer counts")
    assert read(path).failed == ("not judged",)
    assert read(path).band == earlier.band  # for the performance monitor


def test_a_verdict_that_cannot_be_written_leaves_no_earlier_one(desk):
    _, document = desk.golive()
    path = Path(document["verdict"])
    with mock.patch("perpkit.record.golive.write_signed", side_effect=OSError(28, "No space")):
        code, words = desk.golive()
    assert (code, path.exists()) == (2, False)
    assert f"the verdict cannot be written to {path}: No space" in words


def test_a_live_bot_obeys_the_verdict(desk):
    desk.golive()
    with live(desk) as bot:
        bot.run(1)
        assert bot.bot.config["dry_run"] is False
    desk.golive("--offline")
    with pytest.raises(StrategyError, match=r"it did not pass at .* \(API key\)"), live(desk):
        pass
