"""What a walk-forward makes of Freqtrade's configuration, in this process."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from freqtrade.resolvers import StrategyResolver
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.durations import HOUR
from perpkit.files.feather import sealed
from perpkit.ops.walkforward import _admit, _setup
from perpkit.risk import budget_file
from perpkit.risk.budgets import SourceRisk
from perpkit.walkforward import deciding
from perpkit.walkforward.asked import Asked
from perpkit.walkforward.holdout import HoldoutError, identity, place, seal
from perpkit.walkforward.pairs import idle_pairlists
from perpkit.walkforward.run_directory import plain, read_run
from perpkit.walkforward.running import RunError, held
from perpkit.walkforward.spaces import decided_spaces
from perpkit.walkforward.summary import source_risk
from perpkit.walkforward.windows import Calendar, Span, out_of_sample_range
from perpkit.walkforward.worker import Worker
from tests.bench.backtests import PAIRS, STRATEGIES, alone, backtest, write_candles
from tests.bot.hybrid.trained import freqai
from tests.cases import SLOW
from tests.conftest import REPOSITORY

HOURS = pd.to_timedelta(range(1, 100), unit="h")
NOW = datetime(2024, 5, 1, tzinfo=UTC)
PLAIN = REPOSITORY / "benchmarks/strategies/InTheMarket.py"


@pytest.fixture
def userdir(default_futures_config, offline_markets):
    """With a strategy, its configuration, and fifty days of candles."""
    write_candles(default_futures_config["datadir"])
    found = default_futures_config["user_data_dir"]
    (found / "strategies").mkdir()
    shutil.copy(PLAIN, found / "strategies")
    configure(found)
    return found


def configure(userdir, **more):
    given = {
        "exchange": {"name": "binance", "pair_whitelist": PAIRS}, "max_open_trades": 3,
        "stake_amount": 1_000, "pairlists": [{"method": "StaticPairList"}], **more,
    }  # fmt: skip
    (userdir / "own.json").write_text(json.dumps(given))


def asked(userdir, **changed):
    given = Asked(
        files=(REPOSITORY / "config.json.example", userdir / "own.json"),
        calendar=Calendar(Span.of("12d", "train"), Span.of("8d", "test")),
        start=datetime(2023, 1, 25, tzinfo=UTC),
        end=datetime(2023, 2, 10, tzinfo=UTC),
        strategy="InTheMarket",
        userdir=userdir,
        datadir=userdir / "data/binance",
    )
    return replace(given, **changed)


def traded(trades):
    fields = "pair", "is_short", "open_timestamp", "close_timestamp", "exit_reason", "profit_abs"
    return [tuple(trade[field] for field in fields) for trade in trades]


def test_what_hyperopt_found_is_in_force_in_the_test(userdir, default_futures_config, tmp_path):
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    spaces = ("roi", "stoploss", "trailing")
    setup = asked(userdir, epochs=3, spaces=spaces, min_trades=1).setup()
    with alone():
        worker = Worker(setup, tmp_path)
        results = [worker.result(window) for window in setup.request.windows]
    file = userdir / "strategies/InTheMarket.json"

    def stock(window):
        given = {"strategy_path": str(file.parent), "timerange": out_of_sample_range(window, HOUR)}
        return traded(backtest(default_futures_config, "InTheMarket", **given).trades)

    for result in results:
        assert {*spaces} <= result.parameters.keys()
        without = stock(result.window)
        file.write_text(
            json.dumps({"strategy_name": "InTheMarket", "params": plain(result.parameters)})
        )
        assert traded(result.out_of_sample.trades) == stock(result.window) != without
        file.unlink()


BASE = "base_of_a_walk"


def test_a_window_finds_no_values_of_another_one(userdir, tmp_path):
    """In parameters of a base class, whose module Freqtrade imports once for all windows."""
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    length = 'length = IntParameter(60, 240, default=120, space="buy")'
    source = PLAIN.read_text().replace("span=120", "span=self.length.value")
    source = source.replace("    fast =", f"    {length}\n    fast =", 1)
    (userdir / f"strategies/{BASE}.py").write_text(source)
    (userdir / "strategies/Inherits.py").write_text(
        f"from {BASE} import InTheMarket\n\n\nclass Inherits(InTheMarket):\n    pass\n"
    )
    asking = asked(userdir, strategy="Inherits", epochs=2, spaces=("buy",), min_trades=1)
    setup = asking.setup()
    first, second = setup.request.windows
    with alone():
        worker = Worker(setup, tmp_path)
        before, _, after = (worker.compute(window) for window in (second, first, second))
    del sys.modules[BASE]
    assert after == before


@pytest.mark.parametrize("place", ["get_asked_points", "_save_result"])
def test_a_search_that_was_interrupted_has_no_result(userdir, tmp_path, monkeypatch, place):
    """Wherever it is: Freqtrade takes it for the end of the search."""
    hyperopt = pytest.importorskip("freqtrade.optimize.hyperopt.hyperopt", exc_type=ImportError)
    stock, calls = getattr(hyperopt.Hyperopt, place), []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return stock(*args, **kwargs)

    monkeypatch.setattr(hyperopt.Hyperopt, place, interrupted)
    setup = asked(userdir, epochs=3, spaces=("buy",), min_trades=1).setup()
    with alone(), pytest.raises(KeyboardInterrupt):
        Worker(setup, tmp_path).compute(setup.request.windows[0])
    assert len(calls) == 2


def test_where_a_proposal_may_not_lie_is_said_before_anything_runs(userdir, tmp_path):
    configure(userdir, stoploss=-0.1)
    out = tmp_path / "run"
    command = [
        "walkforward", "-c", REPOSITORY / "config.json.example", "-c", userdir / "own.json",
        "--userdir", userdir, "--strategy", "InTheMarket", "--timerange", "20230125-20230210",
        "--train", "12d", "--test", "8d", "--epochs", "3", "--out", out,
        "--propose", userdir / "strategies/InTheMarket.json",
    ]  # fmt: skip
    done = CliRunner().invoke(app, list(map(str, command)))
    assert done.exit_code == 2
    assert "propose must not be a strategy's parameter file" in done.output
    assert 'stoploss is searched for nothing, since "stoploss" of the config' in done.output
    assert not out.exists()


def test_patterns_of_a_whitelist_are_of_the_pairs_with_candles(userdir):
    exchange = {"name": "binance", "pair_blacklist": ["ETH/.*"]}
    configure(userdir, exchange={**exchange, "pair_whitelist": [".*/USDT:USDT", PAIRS[0]]})
    assert asked(userdir).setup().request.pairs == (PAIRS[0], PAIRS[2])
    configure(userdir, exchange={**exchange, "pair_whitelist": [".*/BTC:BTC"]})
    with pytest.raises(ValueError, match=r"exchange\.pair_whitelist must name pairs .*/BTC:BTC"):
        asked(userdir).setup()


def test_each_window_trains_models_of_its_own(userdir, tmp_path):
    """What was predicted in one window is not used in the next."""
    setup = asked(userdir, protections=False).setup()
    with alone():
        worker = Worker(setup, tmp_path)
        [models] = tmp_path.glob("perpkit-walkforward-*")
        predictions = models / "models/of_mine/cb_btc_1_prediction.feather"
        predictions.parent.mkdir(parents=True)
        predictions.touch()
        worker.result(setup.request.windows[1])
    assert not predictions.exists()


FILTER = {"method": "FundingRateFilter", "max_funding_rate_8h": 1e-9}


@SLOW
def test_pairlists_choose_in_tests_where_that_is_asked_for(userdir, tmp_path, capsys):
    """Many stored rates are above the largest one that this filter lets through."""
    configure(userdir, pairlists=[{"method": "StaticPairList"}, FILTER])
    traded_with = []
    for dynamic in (False, True):
        setup = _setup(asked(userdir, protections=False, dynamic_pairlist=dynamic))
        with alone():
            result = Worker(setup, tmp_path).result(setup.request.windows[0])
        traded_with.append(len(result.out_of_sample.trades))
    assert traded_with[0] > traded_with[1]
    assert capsys.readouterr().err.count("pairlists: FundingRateFilter of the config") == 1


@pytest.mark.parametrize(
    ("method", "dynamic", "epochs", "said"),
    [
        ("FundingRateFilter", False, 0, "FundingRateFilter of the .* without --enable-dynamic-pai"),
        ("FundingRateFilter", True, 3, "FundingRateFilter of the .* but in training once or not"),
        ("FundingRateFilter", True, 0, None),
        ("PerpkitAttached", False, 0, None),
    ],
)
def test_pairlists_that_do_not_choose_are_named(userdir, method, dynamic, epochs, said):
    configure(userdir, pairlists=[{"method": "StaticPairList"}, {"method": method}])
    found = idle_pairlists(asked(userdir, dynamic_pairlist=dynamic)._config(), epochs)
    assert re.search(said, found) if said else found is None


def test_a_pairlist_that_needs_no_whitelist_has_none(userdir):
    """The pairs that it can choose from are those in stake currency that have candles."""
    pairlists = [{"method": "OpenInterestPairList"}]
    exchange = {"name": "binance", "pair_whitelist": [], "pair_blacklist": ["XRP/.*"]}
    configure(userdir, exchange=exchange, pairlists=pairlists)
    assert asked(userdir).setup().request.pairs == tuple(PAIRS[:2])
    configure(userdir, exchange=exchange, pairlists=pairlists, stake_currency="USDC")
    with pytest.raises(ValueError, match="must have 1h candles of pairs in USDC"):
        asked(userdir).setup()


SIGNALS = "own_signals_of_a_walk"
BUDGETS = {"morning": 0.01, "evening": 0.03}


@pytest.fixture
def confluence(userdir, monkeypatch):
    """Two sources of the user's, one of which has a helper in a folder, and a file of budgets."""
    monkeypatch.setattr("sys.path", [*sys.path])
    source = (STRATEGIES / "sources_for_tests.py").read_text()
    helper = userdir / "strategies/own_helpers_of_a_walk"
    helper.mkdir()
    (helper / "__init__.py").touch()
    (helper / "hours.py").write_text("HELD = 12\n")
    source = source.replace("import numpy", f"from {helper.name}.hours import HELD\nimport numpy")
    (userdir / f"strategies/{SIGNALS}.py").write_text(source.replace("held=12", "held=HELD"))
    for name, risk in BUDGETS.items():
        known = SourceRisk(daily_volatility=risk, days=100, until="2023-01-25")
        budget_file.write(userdir / "confluence_budgets.json", name, known)
    sources = [{"source": f"{SIGNALS}:{name.title()}"} for name in BUDGETS]
    configure(userdir, perpkit={"confluence": {"sources": sources, "budgets": "out_of_sample"}})
    yield userdir
    for name in [name for name in sys.modules if name.split(".")[0] in (SIGNALS, helper.name)]:
        del sys.modules[name]


def test_budgets_of_a_file_are_in_force_in_a_window(confluence, tmp_path):
    setup = asked(confluence, strategy="Confluence", protections=False).setup()
    with alone():
        result = Worker(setup, tmp_path).result(setup.request.windows[0])
    names = {trade["enter_tag"].split()[0] for trade in result.out_of_sample.trades}
    assert names == {*BUDGETS}


@pytest.mark.parametrize(
    ("until", "message"),
    [
        (
            "2023-01-26",
            r"timerange must begin on 2023-01-26 or later, since the budget of evening was "
            r"measured by the days before, got 2023-01-25",
        ),
        (None, r'the file of budgets must have "until" of evening'),
    ],
)
def test_budgets_that_know_the_days_of_the_tests_are_refused(confluence, until, message):
    known = SourceRisk(daily_volatility=0.03, days=100, until=until)
    budget_file.write(confluence / "confluence_budgets.json", "evening", known)
    with pytest.raises(ValueError, match=message):
        asked(confluence, strategy="Confluence").setup()


@pytest.mark.parametrize(
    ("strategy", "perpkit"),
    [
        ("TrendFollowing", {}),  # which risks less a trade, with the same signals
        ("Confluence", {}),
        ("Confluence", {"confluence": {"sources": [{"source": "rsi_sma"}]}}),
        (
            "Confluence",
            {
                "confluence": {
                    "budgets": "fixed",
                    "sources": [{"source": "momentum", "budget": 0.5}],
                }
            },
        ),
    ],
)
def test_a_budget_is_measured_as_confluence_trades_the_source(userdir, strategy, perpkit):
    configure(userdir, perpkit=perpkit)
    refused = f"with Confluence, and momentum as .*, with a budget of 1: .*, got {strategy}"
    with pytest.raises(ValueError, match=refused):
        asked(userdir, strategy=strategy, budget="momentum").setup()


def test_a_budget_that_is_measured_serves_later_tests(confluence):
    write_candles(confluence / "data/binance", rows=2_000)
    both = [
        {"source": f"{SIGNALS}:{name.title()}", "enabled": name == "evening"} for name in BUDGETS
    ]
    configure(confluence, perpkit={"confluence": {"sources": both}})
    command = [
        "walkforward", "-c", REPOSITORY / "config.json.example", "-c", confluence / "own.json",
        "--userdir", confluence, "--datadir", confluence / "data/binance", "--strategy",
        "Confluence", "--timerange", "20230120-20230221", "--train", "12d", "--test", "32d",
        "--budget", "evening", "--jobs", 1,
    ]  # fmt: skip
    with alone():
        done = CliRunner().invoke(app, list(map(str, command)))
    assert done.exit_code == 0, done.output
    found = budget_file.read(confluence / "confluence_budgets.json").sources
    assert found["evening"] == source_risk(read_run(confluence / "walkforward/Confluence"))
    assert found["evening"].until == "2023-02-21"
    assert found["morning"].until == "2023-01-25"
    sources = [{"source": f"{SIGNALS}:{name.title()}"} for name in BUDGETS]
    configure(confluence, perpkit={"confluence": {"sources": sources, "budgets": "out_of_sample"}})
    day = datetime(2023, 2, 21, tzinfo=UTC)
    later = asked(confluence, strategy="Confluence", end=datetime(2023, 3, 1, tzinfo=UTC))
    assert replace(later, start=day).setup().request.windows[0].test_start == day
    with pytest.raises(ValueError, match="timerange must begin on 2023-02-21 or later"):
        replace(later, start=datetime(2023, 2, 20, tzinfo=UTC)).setup()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"strategies/{SIGNALS}.py", f"module strategies/{SIGNALS}.py"),
        (
            "strategies/own_helpers_of_a_walk/hours.py",
            "module strategies/own_helpers_of_a_walk/hours.py",
        ),
        ("confluence_budgets.json", "read confluence_budgets.json"),
        # which is not in the whitelist
        ("data/binance/futures/LTC_USDT_USDT-1h-futures.feather", "futures/LTC_USDT_USDT-1h"),
        ("data/binance/positioning/BTC_USDT_USDT-5m.feather", "positioning/BTC_USDT_USDT-5m"),
    ],
)
def test_a_run_does_not_go_on_with_another_file(confluence, tmp_path, path, name):
    asking = asked(confluence, strategy="Confluence")
    request = asking.setup().request
    for _ in range(2):
        with held(tmp_path / "run", request):
            pass
    changed = confluence / path
    changed.parent.mkdir(exist_ok=True)
    changed.write_bytes((changed.read_bytes() if changed.exists() else b"") + b"\n")
    other = asking.setup().request
    with pytest.raises(RunError, match=f"files.{name}"), held(tmp_path / "run", other):
        pass
    assert identity(other) != identity(request)


def rewritten(path, change):
    frame = pd.read_feather(path)
    change(frame).to_feather(path)


def appended(hours):
    """Rows at the end, as a bot that runs beside it and `download-data` append them."""

    def change(frame):
        later = frame.tail(hours).assign(date=frame["date"].iloc[-1] + HOURS[:hours])
        return pd.concat([frame, later], ignore_index=True)

    return change


def raised(at):
    """One value another."""

    def change(frame):
        frame.loc[frame["date"] == pd.Timestamp(at, tz="UTC"), frame.columns[1]] *= 1.01
        return frame

    return change


# The last test ends 2023-02-10, with the candle that opens there.
@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (appended(40), False),
        (raised("2023-02-10 01:00"), False),
        (raised("2023-02-10"), True),
        (raised("2023-01-20"), True),
        (lambda frame: frame[frame["date"] > pd.Timestamp("2023-01-03", tz="UTC")], True),
        (lambda frame: frame.rename(columns={frame.columns[1]: "other"}), True),
    ],
    ids=["appended", "later", "the end", "earlier", "fewer", "named"],
)
@pytest.mark.parametrize(
    "path", ["futures/BTC_USDT_USDT-1h-futures", "positioning/BTC_USDT_USDT-1h"]
)
def test_rows_count_up_to_the_end_of_the_last_test(userdir, path, change, counts):
    datadir = userdir / "data/binance"
    file = datadir / f"{path}.feather"
    if not file.exists():
        file.parent.mkdir()
        candles = pd.read_feather(datadir / "futures/BTC_USDT_USDT-1h-futures.feather")
        file.write_bytes(sealed(candles[["date", "close"]]))
    before = read_by(userdir)
    rewritten(file, change)
    assert (read_by(userdir) != before) is counts


def read_by(userdir):
    asking = asked(userdir)
    strategy = StrategyResolver.load_strategy(asking._config())
    end = asking.calendar.windows(asking.start, asking.end)[-1].test_end
    files = deciding.sources(strategy, userdir, None)
    return deciding.deciding_files(files, userdir, userdir / "data/binance", end)


@pytest.mark.parametrize("linked", ["futures", "futures/BTC_USDT_USDT-1h-futures.feather"])
def test_what_a_link_leads_to_counts(userdir, tmp_path, linked):
    """Freqtrade reads candles of a linked folder, such as of a larger disk, too."""
    path = userdir / "data/binance" / linked
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    before = read_by(userdir)
    candles = "futures/BTC_USDT_USDT-1h-futures.feather"
    assert candles in before
    rewritten(userdir / "data/binance" / candles, raised("2023-01-20"))
    assert {name for name, of in read_by(userdir).items() if of != before[name]} == {candles}


@pytest.mark.parametrize(
    ("epochs", "start", "said"),
    [
        (0, 9, "the test of window 1 begins at 2023-01-11 00:00, not at 2023-01-09"),
        (0, 11, None),
        (3, 22, "the training of window 1 begins at 2023-01-11 00:00, not at 2023-01-10"),
        (3, 23, None),
    ],
)
def test_a_first_window_without_candles_before_it_is_shorter(userdir, epochs, start, said):
    """The strategy has 240 start-up candles, and the stored ones begin with the year."""
    if epochs:
        pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    lines = []
    asked(userdir, epochs=epochs, start=datetime(2023, 1, start, tzinfo=UTC)).setup(lines.append)
    assert [said in line for line in lines[:-1]] == ([] if said is None else [True])


def test_what_freqai_learns_from_comes_before_the_first_window(userdir):
    """The start-up candles end on 11 January, or some later where models need more of them."""
    learns = {**freqai(), "train_period_days": 12}
    configure(userdir, freqai=learns, freqaimodel="LightGbmTripleBarrier")
    lines = []
    asked(userdir).setup(lines.append)
    assert "and those that FreqAI first learns from." not in " ".join(lines)
    asked(userdir, start=datetime(2023, 1, 22, tzinfo=UTC)).setup(lines.append)
    [said] = [line for line in lines if "first learns from" in line]
    assert "the test of window 1 begins at 2023-01-23 00:00, not at 2023-01-22" in said


def test_a_search_has_pairlists_that_choose_once():
    """Freqtrade has no pairlists any more when hyperopt runs: its filters would choose nothing."""
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    from perpkit.walkforward.optimising import Search

    options = Search(3, ("default",), "SharpeHyperOptLossDaily", 1, 1, True).options()
    assert options["enable_dynamic_pairlist"] is False


def test_it_is_said_before_all_data_is_read(userdir, monkeypatch):
    done, digested = [], deciding.digest_of_file
    monkeypatch.setattr(
        deciding, "digest_of_file", lambda path: done.append(path) or digested(path)
    )
    asked(userdir).setup(done.append)
    datadir = userdir / "data/binance"
    assert done[0] == f"Reading all files in {datadir}, to which the run is bound ..."
    assert PLAIN.name in {path.name for path in done[1:]}


def test_nothing_is_read_for_a_request_that_is_refused(userdir):
    said = []
    with pytest.raises(ValueError, match="spaces must be of"):
        asked(userdir, epochs=3, spaces=("nonsense",)).setup(said.append)
    assert said == []


def test_a_bot_that_writes_meanwhile_is_no_other_request(userdir):
    """Which also begins files, and Freqtrade the one of the tiers of some exchanges."""
    datadir = userdir / "data/binance"
    request = asked(userdir).setup().request
    candles = datadir / "futures/BTC_USDT_USDT-1h-futures.feather"
    rewritten(candles, appended(40))
    (datadir / "positioning").mkdir()
    later = pd.read_feather(candles)[["date", "close"]].tail(30)
    (datadir / "positioning/SOL_USDT_USDT-1h.feather").write_bytes(sealed(later))
    tiers = datadir / "futures/leverage_tiers_USDT.json"
    for updated in ("2026-01-01", "2026-02-01"):
        tiers.write_text(json.dumps({"updated": updated, "data": {}}))
        assert identity(asked(userdir).setup().request) == identity(request)
    assert asked(userdir).setup().request == request


def test_freqai_may_be_in_the_configuration(userdir):
    """Freqtrade refuses it without a time range; each window is given its own."""
    configure(userdir, freqai=freqai(), freqaimodel="LightGbmTripleBarrier")
    setup = asked(userdir).setup()
    assert setup.config["freqai"]["enabled"]
    assert "timerange" not in setup.request.settings


def test_sealed_days_are_no_days_to_learn_from(userdir):
    """Models learn from the 30 days before a test: those of the second begin on January 3."""
    seal(place(userdir), datetime(2022, 12, 1, tzinfo=UTC), datetime(2023, 1, 3, tzinfo=UTC), NOW)
    configure(userdir, freqai={**freqai(), "train_period_days": 30}, freqaimodel="LightGbmRate")
    second = datetime(2023, 2, 2, tzinfo=UTC)
    _admit(asked(userdir, start=second).setup(), look=False)
    with pytest.raises(HoldoutError, match="leave out the sealed days 2022-12-01 to 2023-01-03"):
        _admit(asked(userdir).setup(), look=False)
    configure(userdir, freqai={**freqai(), "enabled": False})
    _admit(asked(userdir).setup(), look=False)


@pytest.mark.parametrize("enabled", [True, False])
def test_another_version_of_what_trains_models_makes_it_another_run(userdir, monkeypatch, enabled):
    versions = {"lightgbm": "4.6.0"}
    monkeypatch.setattr(deciding, "trainers", lambda: versions)
    configure(userdir, freqai={**freqai(), "enabled": enabled}, freqaimodel="LightGbmTripleBarrier")
    before = asked(userdir).setup().request
    assert ("lightgbm" in before.made_with) is enabled
    versions["lightgbm"] = "4.7.0"
    assert (identity(asked(userdir).setup().request) != identity(before)) is enabled


def test_what_is_read_again_for_each_window_where_it_is(confluence, tmp_path):
    """A run watches it; of the rest, workers have copies."""
    names = f"{SIGNALS}.py", "own_helpers_of_a_walk/hours.py"
    modules = {f"module strategies/{name}" for name in names}
    assert modules <= asked(confluence, strategy="Confluence").setup().live.keys()
    asking = asked(confluence, protections=False)
    assert "strategy InTheMarket.py" not in asking.setup().live
    elsewhere = shutil.copytree(confluence / "strategies", tmp_path / "elsewhere")
    (confluence / "strategies/InTheMarket.py").unlink()
    watched = replace(asking, strategy_path=elsewhere).setup().live
    assert watched["strategy InTheMarket.py"] == (elsewhere / "InTheMarket.py",)


@pytest.mark.parametrize("epochs", [0, 3])
def test_another_version_of_what_draws_epochs_makes_it_another_run(userdir, monkeypatch, epochs):
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    versions = {"numpy": "2", "pandas": "3", "ta-lib": "0.6", "optuna": "4.0"}
    monkeypatch.setattr(deciding, "versions_of", lambda names: {n: versions[n] for n in names})
    before = asked(userdir, epochs=epochs).setup().request
    versions["optuna"] = "5.0"
    assert (asked(userdir, epochs=epochs).setup().request != before) is (epochs > 0)
    versions["pandas"] = "3.1"
    assert asked(userdir, epochs=epochs).setup().request != before


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("perpkit/signals/one.py", True),
        ("perpkit/walkforward/new.py", True),
        ("protections/Brake.py", True),
        ("user_data/freqaimodels/Model.py", True),
        ("perpkit/ops/command.py", False),
        ("perpkit/signals/page.md", False),
    ],
)
def test_a_run_is_of_one_state_of_perpkit(tmp_path, monkeypatch, path, counts):
    for name in ("perpkit/signals/one.py", "perpkit/ops/command.py", "protections/Brake.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("A = 1\n")
    monkeypatch.setattr(deciding, "_PACKAGE", tmp_path / "perpkit")
    before = deciding.made_with()
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("A = 2\n")
    assert (deciding.made_with() != before) is counts


@pytest.mark.parametrize(
    ("spaces", "changed", "said"),
    [
        ("default", {"use_exit_signal": False}, 'sell .* which "use_exit_signal" switches off'),
        ("buy", {"use_exit_signal": False}, None),
        ("sell", {}, None),
        ("protection", {"protections": False}, "protection .* which --no-protections leaves off"),
        ("protection", {}, None),
    ],
)
def test_what_is_on_in_training_only_is_named(userdir, spaces, changed, said):
    pytest.importorskip("freqtrade.optimize.hyperopt", exc_type=ImportError)
    configure(userdir, **{name: value for name, value in changed.items() if name[0] == "u"})
    lines = []
    protections = changed.get("protections", True)
    asked(userdir, epochs=3, spaces=(spaces,), protections=protections).setup(lines.append)
    found = [re.search(said or "spaces: ", line) is not None for line in lines[:-1]]
    assert found == ([] if said is None else [True])


def test_spaces_that_the_configuration_decides_are_named(userdir):
    configure(userdir, stoploss=-0.1, trailing_stop=True)
    config = asked(userdir).setup().config
    assert decided_spaces(config, ("default",)) == {"stoploss": "stoploss"}
    assert decided_spaces(config, ("all",)) == {
        "stoploss": "stoploss", "trailing": "trailing_stop", "trades": "max_open_trades"
    }  # fmt: skip
    assert decided_spaces(config, ("buy", "sell")) == {}
    assert decided_spaces(config, asked(userdir).setup().request.spaces) == {}
