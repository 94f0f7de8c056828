"""Options of `perpkit walkforward` that cannot be, each refused in one line."""

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.stored import BadInputError
from perpkit.ops.walkforward import _budgets_file
from tests.conftest import REPOSITORY

PERIOD = "--timerange=20210101-20220101"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((PERIOD, "--engine=dask"), "engine must be local or ray, got dask"),
        ((PERIOD, "--address=auto"), "address needs --engine ray, got auto"),
        (("--timerange=20210101-",), "timerange must have both ends"),
        (("--timerange=nonsense",), "timerange must be like 20200101-20240101"),
        ((PERIOD, "--strategy=InTheMarket", "--budget=no name"), "budget must be the name of a"),
        ((PERIOD, "--train=3h"), "train must be a number of days"),
        ((PERIOD, "--test=0"), "test must be a number of days"),
        ((PERIOD, "--purge=x"), "purge must be a number of days, weeks, months or years"),
        ((PERIOD, "--train=9999y"), "train must be at most 100 years, got '9999y'"),
        ((PERIOD, "--strategy=NoSuchOne"), "NoSuchOne"),
        ((PERIOD, "--strategy=InTheMarket"), "datadir must have 1h candles of BTC/USDT:USDT"),
        (
            (PERIOD, "--strategy=InTheMarket", "--train=9d", "--purge=9d"),
            "shorter than train, 9d, got 9d and 0d",
        ),
    ],
)
def test_refused_in_one_line(tmp_path, options, message):
    (tmp_path / "data").mkdir()
    given = [
        f"--config={REPOSITORY / 'config.json.example'}",
        f"--userdir={tmp_path}",
        f"--datadir={tmp_path / 'data'}",
        f"--strategy-path={REPOSITORY / 'benchmarks/strategies'}",
    ]
    result = CliRunner().invoke(app, ["walkforward", *given, *options])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "walkforward").exists()


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ({}, "confluence_budgets.json"),
        ({"perpkit": {"confluence": {"sources": []}}}, "confluence_budgets.json"),
        ({"perpkit": {"confluence": {"budgets_file": "own/of_2023.json"}}}, "own/of_2023.json"),
        ({"perpkit": {"confluence": {"budgets_file": "/elsewhere.json"}}}, "/elsewhere.json"),
    ],
)
def test_budgets_go_where_confluence_reads_them(tmp_path, own, name):
    assert _budgets_file({"user_data_dir": tmp_path, **own}) == tmp_path / name


def test_a_file_of_budgets_that_is_no_path_is_named(tmp_path):
    own = {"perpkit": {"confluence": {"budgets_file": 3}}}
    with pytest.raises(BadInputError, match=r"confluence\.budgets_file must be a path, got 3"):
        _budgets_file({"user_data_dir": tmp_path, **own})
