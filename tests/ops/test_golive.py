"""What an operator gives wrongly: one line each, and no verdict is written."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from freqtrade.persistence import Trade, init_db
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.golive.evidence import Missing, NotAsked
from perpkit.ops import golive_evidence
from perpkit.ops.golive_evidence import Sources
from perpkit.ops.results_input import Input
from perpkit.ops.stored import BadInputError
from perpkit.record.golive import Bound, Verdict, golive_file, write
from perpkit.record.machine_key import machine_key_made, place
from perpkit.record.places import places
from perpkit.record.ran import note
from tests import factories
from tests.bench.machine import machine  # noqa: F401
from tests.conftest import REPOSITORY
from tests.factories import START

pytestmark = pytest.mark.usefixtures("machine")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_data" / "strategies").mkdir(parents=True)
    return tmp_path


def golive(home, *options, **settings):
    own = home / "own.json"
    own.write_text(json.dumps(settings))
    given = ["golive", f"-c{REPOSITORY / 'config.json.example'}", f"-c{own}", "--offline", *options]
    return CliRunner().invoke(app, given)


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ((), {"strategy": "NoSuch"}, "strategy NoSuch cannot be loaded: Impossible to load"),
        ((), {}, "live must be the bot's trade database, got tradesv3.dryrun.sqlite, which"),
        (("--live=own.json",), {}, "live must be a bot's trade database, got own.json"),
        ((), {"perpkit": {"golive": {"days": -1}}}, "perpkit.golive.days must be greater than or"),
        ((), {"perpkit": {"golive": {"dayz": 1}}}, "perpkit.golive has no criterion 'dayz'"),
        ((), {"perpkit": {"golive": {"kind": "x"}}}, "perpkit.golive.kind must be one of intraday"),
        ((), {"perpkit": {"golive": [1]}}, "perpkit.golive must be an object of criteria"),
        ((), {"perpkit": {"sizing": {"no_such": 1}}}, 'has no parameter "no_such"'),
    ],
)
def test_one_line_names_it(home, options, settings, words):
    done = golive(home, *options, **settings)
    assert done.exit_code == 2
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert not list(home.rglob("golive/*.json"))
    assert not place().exists()


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize(
    ("name", "found"),
    [("bybit", "Perpkit cannot check a key of bybit"), ("okx", "Perpkit cannot check a key of okx"),
     ("binance", None), ("binanceusdm", None)],
)  # fmt: skip
def test_a_key_is_asked_for_where_it_can_be_checked(name, found, offline):
    bot = SimpleNamespace(config={"exchange": {"name": name}})
    sources = Sources(bot, None, None, Path(), None, None, offline)  # a key is not even given
    keys = golive_evidence._keys(sources)
    assert isinstance(keys, NotAsked if found else Missing)
    assert found is None or found in keys.why


def test_what_a_bot_ran_with_counts_from_its_first_trade(tmp_path):
    """It notes that a moment after its start."""
    start, first = datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
    bot, database = SimpleNamespace(user_data_dir=tmp_path), tmp_path / "bot.sqlite"
    sources = Sources(bot, None, None, database, None, None, offline=True)
    traded = SimpleNamespace(fills=[SimpleNamespace(at=first.timestamp())])
    live = SimpleNamespace(start=start.timestamp(), trades=[traded])
    path = places(f"sqlite:///{sources.live}", tmp_path).ran
    note(path, Bound({"a": "b"}), start + timedelta(seconds=5))
    assert golive_evidence._ran(sources, Bound({"a": "b"}), live) == ()


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ((), None),
        (("Before",), "live must have no trades but those of Mine, got"),
        ((None,), "which has some of no strategy, too: begin a dry-run with a database of its own"),
        (("Before", "After"), "which has some of After, Before, too"),
    ],
)
def test_a_database_must_be_of_the_strategy_alone(tmp_path, others, words):
    path = tmp_path / "bot.sqlite"
    init_db(f"sqlite:///{path}")
    Trade.use_db = True
    for hour, name in enumerate((*others, "Mine")):
        factories.trade(opened=START + timedelta(hours=hour)).strategy = name
    Trade.commit()
    Trade.session.remove()
    bot = SimpleNamespace(config={"dry_run_wallet": 1000}, dry_run=True, user_data_dir=tmp_path)
    given = Input(None, None, "feather", None)
    sources = Sources(bot, Mine(), given, path, None, None, offline=True)
    if words is None:
        assert golive_evidence._live(sources).strategy == "Mine"
        return
    with pytest.raises(BadInputError) as refused:
        golive_evidence._live(sources)
    assert words in str(refused.value)


class Mine: ...


def verdict(home, **changed):
    """An earlier one, on the strategy of the example's configuration."""
    key = machine_key_made()
    given = {
        "strategy": "TrendFollowing",
        "passed": True,
        "failed": (),
        "at": datetime(2026, 3, 2, 10, tzinfo=UTC),
        "until": datetime(2036, 3, 2, 10, tzinfo=UTC),
        "by": "me@here",
        "bound": {},
        **changed,
    }
    path = golive_file({"user_data_dir": home / "user_data"}, "TrendFollowing")
    write(path, Verdict(**given), key)
    return path


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {}),
        (("--live=own.json",), {}),
        ((), {"perpkit": {"golive": {"days": -1}}}),
        ((), {"perpkit": {"golive": {"kind": "x"}}}),
        ((), {"db_url": "postgresql://localhost/trades"}),
        ((), {"max_open_trades": -1, "stake_amount": "unlimited"}),
    ],
)
def test_where_nothing_was_judged_it_says_that_the_verdict_stays(home, options, settings):
    path = verdict(home)
    before = path.read_bytes()
    done = golive(home, *options, **settings)
    assert done.exit_code == 2
    [line] = done.stderr.strip().splitlines()
    assert line.endswith(
        ". Nothing was judged, and the verdict of 2026-03-02 10:00 UTC counts as before"
    )
    assert path.read_bytes() == before
    verdict(home, passed=False, failed=("days",))
    assert "Nothing was judged" not in golive(home, *options, **settings).stderr


def test_an_error_of_another_kind_removes_the_verdict(home, monkeypatch):
    path = verdict(home)
    monkeypatch.setattr("perpkit.ops.golive.read", lambda _: {}["nothing"])
    done = golive(home)
    assert isinstance(done.exception, KeyError)
    assert not path.exists()


def test_without_a_configuration_it_says_what_to_give(home):
    done = CliRunner().invoke(app, ["golive"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--config must name the bot" in done.stderr


def test_a_strategy_must_be_named(home, monkeypatch):
    lines = (REPOSITORY / "config.json.example").read_text().splitlines(keepends=True)
    named = [line for line in lines if '"strategy":' not in line]
    assert len(named) == len(lines) - 1
    (home / "config.json").write_text("".join(named))
    done = CliRunner().invoke(app, ["golive", "-cconfig.json"])
    assert done.exit_code == 2
    assert 'strategy must be named, by --strategy or "strategy" in the config' in done.stderr
