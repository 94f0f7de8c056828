"""`perpkit fleet` on the command line: a fleet of two bots in folders of their own."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest
import time_machine
import typer
from freqtrade.persistence import Trade, init_db
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.fleet import stopping
from perpkit.ops.stop.accounts import AccountEntry
from perpkit.ops.stop.report import NOT_DONE, Report
from perpkit.ops.stop.several import exit_code
from perpkit.ops.stored import BadInputError
from perpkit.record.fleet import FleetFolder
from perpkit.record.latch import LatchState, read
from perpkit.record.state_file import write
from tests import factories
from tests.bench.planted import API_PASSWORD, KEY, SECRET
from tests.bench.states import NOW, everything, least
from tests.conftest import REPOSITORY
from tests.ops.fleet.factories import account

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
BOT = """
[[bot]]
name = "{name}"
config = ["{example}", "own.json"]
port = {port}
key = "one"
folder = "{name}"
pairs = ["{pair}"]
env_file = "keys.env"
"""
EXAMPLE = REPOSITORY / "config.json.example"


class Fleet:
    """Its file, and a folder of each bot."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "fleet.toml"
        self.shared = FleetFolder(folder / "fleet")
        self.write()
        for name in "ab":
            self.configure(name)
            write(folder / name / "trades.state.json", everything())

    def write(self, limits="max_gross = 2.0"):
        bots = [
            BOT.format(name=name, example=EXAMPLE, port=port, pair=pair)
            for name, port, pair in (("a", 8081, BTC), ("b", 8082, ETH))
        ]
        self.file.write_text(f"[limits]\n{limits}\n" + "\n".join(bots))

    def configure(self, name, **own):
        folder = self.folder / name
        (folder / "user_data").mkdir(parents=True, exist_ok=True)
        of_fleet = {"fleet_dir": "../fleet", "fleet_bot": name}
        given = {"dry_run": False, "perpkit": of_fleet, "db_url": "sqlite:///trades.sqlite"}
        (folder / "own.json").write_text(json.dumps({**given, **own}))
        (folder / "keys.env").write_text(
            f"FREQTRADE__EXCHANGE__KEY={KEY}\nFREQTRADE__EXCHANGE__SECRET={SECRET}\n"
            f"FREQTRADE__API_SERVER__PASSWORD={API_PASSWORD}\n"
        )

    def __call__(self, command, *options, after=3.0):
        with time_machine.travel(NOW + timedelta(seconds=after), tick=False):
            found = CliRunner().invoke(app, ["fleet", command, str(self.file), *options])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.output


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


STATUS = """\
bot  account  mode  state    trading  positions  covered  exposure  equity    age  
a    one      live  running  halted   1          1        303.00    1,002.70  3 s  
b    one      live  running  halted   1          1        303.00    1,002.70  3 s  
all live: equity 1,005.60 USDT, exposure 606.00, 0.60 times
request weight of this machine (a, b): 120 of 2400 a minute
orders of account one: 2 of 1200 a minute
"""  # noqa: W291


def test_status(fleet):
    fleet("pairs")
    assert fleet("status") == (0, STATUS)


def test_what_is_not_known_is_a_question_mark(fleet):
    fleet("pairs")
    write(fleet.folder / "a" / "trades.state.json", least())
    (fleet.folder / "b" / "trades.state.json").unlink()
    code, text = fleet("status", after=300)
    assert code == 1
    _, first, second, total, *_ = text.splitlines()
    assert first.split()[3:] == ["running?", "?", "?", "?", "?", "?", "300", "s"]
    assert second.split()[3:] == ["unknown", *"??????"]
    assert total.startswith("all live: not known: a: The state file")
    assert "b: There is no state file" in text


def test_a_bot_that_does_not_follow_the_fleet_is_named(fleet):
    fleet.configure("a", perpkit={})
    fleet.configure("b", perpkit={"fleet_dir": "../fleet", "fleet_bot": "c"})
    for command in ("pairs", "status"):
        code, text = fleet(command)
        assert code == 1
        assert 'a: it does not follow the fleet: "perpkit": {"fleet_dir": ' in text
        assert "b: it follows another fleet, or under another name" in text


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"perpkit": [1]}, "the bot a: perpkit must be an object of parameters, got [1]"),
        ({"user_data_dir": 5}, "the bot a: user_data_dir must be the path of a folder, got 5"),
        ({"db_url": "x"}, "the bot a: db_url must be the URL of a database"),
    ],
)
def test_a_bot_whose_configuration_is_none_is_named(fleet, own, words):
    fleet.configure("a", **{"perpkit": {}, **own})
    code, text = fleet("status")
    assert (code, words in text) == (2, True)


def test_two_bots_with_one_database_are_refused(fleet):
    for name in "ab":
        fleet.configure(name, db_url=f"sqlite:///{fleet.folder}/one.sqlite")
    code, text = fleet("status")
    assert code == 2
    assert "the bots a and b have one trade database" in text


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FREQTRADE__DRY_RUN", 2),
        ("FREQTRADE__DB_URL", 2),
        ("FREQTRADE__perpkit__latch_dir", 2),
        ("FREQTRADE__USER_DATA_DIR", 2),
        ("FREQTRADE__EXCHANGE__KEY", 0),
        ("FREQTRADE__API_SERVER__PASSWORD", 0),
    ],
)
def test_what_this_environment_has_for_one_bot_is_of_no_other(fleet, monkeypatch, name, code):
    """A watch would set the latches of the wrong mode or folder."""
    fleet("pairs")
    monkeypatch.setenv(name, "true")
    found, text = fleet("status")
    assert found == code
    assert (f"{name} of the environment of this command may be" in text) is bool(code)
    for bot in "ab":
        with (fleet.folder / bot / "keys.env").open("a") as file:
            file.write(f"{name}=false\n")
    text = fleet("status")[1]
    assert "of the environment of this command" not in text


def test_pairs_are_written_where_the_bots_read_them(fleet):
    assert "fleet.json is not there" in fleet("status")[1]
    code, text = fleet("pairs")
    assert (code, [line.split()[:2] for line in text.splitlines()[1:]]) == (
        0, [[BTC, "a"], [ETH, "b"]]
    )  # fmt: skip
    assert fleet.shared.rules().pairs == {BTC: "a", ETH: "b"}
    fleet.shared.keep("a", {ETH}, NOW)
    code, text = fleet("pairs")
    assert code == 1
    assert f"{ETH} belongs to b and is held by a, which must leave it first" in text
    fleet.write("max_gross = 3.0")
    fleet.file.write_text(fleet.file.read_text().replace(ETH, "XRP/USDT:USDT"))
    assert '"perpkit fleet pairs" writes them' in fleet("status")[1]


def test_watch_says_what_it_did_and_exits_with_it(fleet):
    assert fleet("watch", "--once") == (0, "")
    fleet.write("max_gross = 0.5")
    code, text = fleet("watch", "--once")
    assert code == 1
    assert text.count("REDUCING since 2026-03-02 10:00 UTC, perpkit fleet watch") == 2
    assert "REDUCING: the fleet's exposure of 606.00 USDT is 0.60 times its equity" in text
    for name in "ab":
        path = fleet.folder / name / "user_data/perpkit/latch/main.live.json"
        assert read(path).state is LatchState.REDUCING


def looks(monkeypatch, *between):
    """Makes the watch call these between its looks, and end after the last one."""
    left = iter(between)

    def sleep(_seconds):
        act = next(left, None)
        if act is None:
            raise typer.Exit
        act()

    monkeypatch.setattr("perpkit.ops.fleet.command.time.sleep", sleep)


def nothing():
    pass


def test_a_new_peak_waits_for_the_sum_to_be_known(fleet, monkeypatch):
    fleet.write("max_drawdown = 0.2")
    assert fleet("watch", "--once") == (0, "")
    states = [fleet.folder / name / "trades.state.json" for name in "ab"]
    less = everything().account.model_copy(update={"balance": 500.0})
    write(states[0], least(account=less))
    states[1].unlink()

    def start():
        write(states[1], least(account=less))

    def lose():  # from then on, a loss is one
        for state in states:
            write(state, least(account=less.model_copy(update={"balance": 300.0})))

    looks(monkeypatch, start, nothing, lose)
    _, text = fleet("watch", "--new-peak")
    unknown, known, *halted = text.splitlines()
    assert "not known: b: There is no state file" in unknown
    assert known.endswith("all is well again")
    assert "HALTED since" in halted[0]
    assert "below its highest of 505.60" in halted[-1]


def test_a_failed_write_is_said_once_and_the_watch_goes_on(fleet, monkeypatch):
    write_watched = FleetFolder.write_watched

    def fail(*_given):
        raise OSError(28, "No space left on device")

    def mend():
        monkeypatch.setattr(FleetFolder, "write_watched", write_watched)

    monkeypatch.setattr(FleetFolder, "write_watched", fail)
    assert fleet("watch", "--once")[0] == 1
    looks(monkeypatch, nothing, nothing, mend, nothing)
    _, text = fleet("watch")
    first, second = text.splitlines()
    assert first.startswith("2026-03-02 10:00:03 UTC the look cannot be written: [Errno 28] No spa")
    assert second == "2026-03-02 10:00:03 UTC all is well again"


def test_a_log_on_a_full_disk_does_not_end_the_watch(fleet, monkeypatch):
    fleet.write("max_gross = 0.5")
    fail = mock.Mock(side_effect=OSError(28, "No space left on device"))
    monkeypatch.setattr("perpkit.ops.fleet.command.typer.echo", fail)
    assert fleet("watch", "--once")[0] == 1
    assert fail.called


def test_there_must_be_something_to_watch(fleet):
    fleet.write("")
    code, text = fleet("watch", "--once")
    assert code == 2
    assert "limits must have max_gross or max_drawdown, has none" in text


@pytest.mark.parametrize("command", ["status", "pairs", "watch", "report", "stop"])
def test_a_wrong_file_is_one_line(fleet, command):
    fleet.file.write_text("bots = 1\n")
    code, text = fleet(command)
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith(f"Error: {fleet.file}, line 1: bots is not known")


def test_a_wrong_option_of_a_bot_is_named(fleet):
    fleet.configure("a", perpkit={"fleet_dir": "../fleet", "fleet_bot": 7})
    code, text = fleet("status")
    assert code == 2
    assert "the bot a: perpkit.fleet_bot must be a name" in text


def test_a_report_without_a_database_is_none(fleet):
    code, text = fleet("report")
    assert code == 2
    assert "There is no trade database" in text


def test_report_adds_up_what_all_have_made(fleet):
    for name, closed_at in (("a", 2_100.0), ("b", 1_900.0)):
        init_db(f"sqlite:///{fleet.folder / name / 'trades.sqlite'}")
        Trade.use_db = True
        factories.trade(ETH, False, 2_000.0, closed_at, amount=1.0)
        factories.trade(BTC, open_rate=30_000.0, amount=0.1)
        Trade.commit()
        Trade.session.remove()
    rows = json.loads(fleet("report", "--json")[1])
    assert [(row["bot"], row["trades"], row["won"], row["open"]) for row in rows] == [
        ("a", 1, 1.0, 1),
        ("b", 1, 0.0, 1),
        ("all", 2, 0.5, 2),
    ]
    assert rows[2]["profit"] == pytest.approx(rows[0]["profit"] + rows[1]["profit"])
    assert rows[0]["profit"] > 0 > rows[1]["profit"]
    assert fleet("report")[1].splitlines()[3].split()[:3] == ["all", "live", "2"]


# Which bots are stopped, and how often an account is flattened

FOUND = [
    ("one", AccountEntry("a", REPOSITORY, ("--config=a",))),
    ("one", AccountEntry("b", REPOSITORY, ("--config=b",))),
    ("two", AccountEntry("c", REPOSITORY, ("--config=c",))),
    ("", AccountEntry("d", REPOSITORY, problem="its file is not there")),
]


@pytest.mark.parametrize(
    ("only", "names"),
    [([], "abcd"), (["a"], "ab"), (["b"], "ab"), (["c"], "c"), (["a", "d"], "abd")],
)
def test_bots_of_one_account_are_stopped_together(only, names):
    assert [entry.name for _, entry in stopping.chosen(FOUND, only)] == list(names)


def test_a_name_that_no_bot_has_is_refused():
    with pytest.raises(BadInputError, match="--only must be one of a, b, c, d, got 'e'"):
        stopping.chosen(FOUND, ["e"])


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        (["--timeout=9"], [("abcd", ["--timeout=9"])]),
        (
            ["--timeout=9", "--everything"],
            [("abcd", ["--timeout=9"]), ("ac", ["--timeout=9", "--everything"])],
        ),
    ],
)
def test_an_account_is_flattened_once(monkeypatch, options, calls):
    asked = []

    def stop_all(entries, given, seconds, say, **_):
        asked.append(("".join(entry.name for entry in entries), list(given)))
        return [Report(entry.name) for entry in entries]

    monkeypatch.setattr(stopping, "stop_all", stop_all)
    stopping.stop_fleet(FOUND, options, 9, print)
    assert asked == calls


def stop_everything(monkeypatch, found, modes):
    """Returns the bots that are stopped last, and all reports.

    :param modes: of the bots, as their first reports have them; one without has a mistake
    """
    last = []

    def stop_all(entries, given, seconds, say, **_):
        if "--everything" in given:
            last.extend(entry.name for entry in entries)
        return [
            Report(entry.name, mode=modes[entry.name], latched=True, flat=True)
            if entry.name in modes
            else Report(entry.name, mistake="its configuration is wrong")
            for entry in entries
        ]

    monkeypatch.setattr(stopping, "stop_all", stop_all)
    return last, stopping.stop_fleet(found, ["--everything"], 9, print)


A, B = (AccountEntry(name, REPOSITORY, (f"--config={name}",)) for name in "ab")
A_WITHOUT_KEYS, B_WITHOUT_KEYS = (replace(each, problem="no env_file") for each in (A, B))
A_WRONG = AccountEntry("a", REPOSITORY, problem="folder must be a folder")
LIVE, DRY = {"a": "live", "b": "live"}, {"a": "dry-run", "b": "dry-run"}


@pytest.mark.parametrize(
    ("bots", "modes", "last", "done"),
    [
        ([A, B], LIVE, "a", True),
        ([A, B], {"a": "dry-run", "b": "live"}, "b", True),
        ([A, B], DRY, "", True),
        ([A_WITHOUT_KEYS, B], LIVE, "b", True),
        ([A_WRONG, B], {"b": "live"}, "b", True),
        ([A, B], {"b": "live"}, "b", True),
        ([A, B], {"a": "", "b": "dry-run"}, "a", True),  # it may be live
        ([A_WITHOUT_KEYS, B_WITHOUT_KEYS], LIVE, "", False),
        ([A_WITHOUT_KEYS, B], DRY, "", False),  # what cannot be read may say that it is live
        ([A_WRONG, B], {"b": "dry-run"}, "", False),
    ],
)
def test_an_account_is_flattened_by_a_live_bot_that_can(monkeypatch, bots, modes, last, done):
    asked, reports = stop_everything(monkeypatch, [("one", each) for each in bots], modes)
    assert "".join(asked) == last
    left = [report for report in reports if report.name == "account one"]
    assert bool(left) is not done
    for report in left:
        assert "(a, b)" in report.problems[0]
        assert report.exit_code == exit_code(reports) == NOT_DONE


def test_stop_latches_each_bot_and_names_one_that_is_wrong(fleet):
    before = signal.getsignal(signal.SIGHUP)
    for name in "ab":
        fleet.configure(name, dry_run=True)
    fleet.file.write_text(fleet.file.read_text().replace('folder = "b"', 'folder = "absent"'))
    try:
        result = CliRunner().invoke(app, ["fleet", "stop", str(fleet.file), "--json"])
    finally:
        signal.signal(signal.SIGHUP, before)
    a, b = json.loads(result.stdout)["bots"]
    assert (result.exit_code, a["latched"], b["latched"]) == (1, True, False)
    assert "folder must be a folder" in b["mistake"]
    latch = fleet.folder / "a/user_data/perpkit/latch/main.dry-run.json"
    assert read(latch).state is LatchState.HALTED


@pytest.mark.parametrize(
    ("key", "one_key", "stopped"),
    [('key = "one"', True, "ab"), ('key = "two"', False, "a"), ('keys = "one"', True, "a")],
)
def test_a_key_of_the_environment_is_every_bots_only_if_they_have_one(
    fleet, monkeypatch, key, one_key, stopped
):
    """Also where only one of them is stopped: it may be the other's key. A bot whose entry says
    none is not stopped."""
    given = []

    def stop_all(entries, options, seconds, say, *, one_key):
        given.append(([entry.name for entry in entries], one_key))
        return [Report(entry.name) for entry in entries]

    monkeypatch.setattr(stopping, "stop_all", stop_all)
    monkeypatch.setattr("perpkit.ops.stop.command.outlive_terminal", lambda: None)
    first, second = fleet.file.read_text().split('name = "b"')
    second = second.replace('key = "one"', key)
    fleet.file.write_text(f'{first}name = "b"{second}')
    fleet("stop", "--only", "a")
    assert given == [([*stopped], one_key)]


def test_bots_of_simulated_money_have_wallets_of_their_own(fleet):
    for name in "ab":
        fleet.configure(name, dry_run=True)
        write(fleet.folder / name / "trades.state.json", least(account=account(1_000.0)))
    rows = json.loads(fleet("status", "--json")[1])
    assert [row["account"] for row in rows["bots"]] == ["a", "b"]
    assert rows["sums"][0]["equity"] == 2_000


def test_metrics_are_those_of_all_bots_under_their_names(fleet, monkeypatch):
    served = []
    monkeypatch.setattr("perpkit.ops.metrics.command.export", lambda *given: served.append(given))
    assert fleet("metrics", "--port", "9999")[0] == 0
    [(bots, host, port)] = served
    assert (host, port) == ("127.0.0.1", 9999)
    assert [(bot.name, bot.state) for bot in bots] == [
        (name, fleet.folder / name / "trades.state.json") for name in "ab"
    ]
