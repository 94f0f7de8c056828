"""A proposal: in Freqtrade's format, with its verdict, and under no name that Freqtrade reads."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from freqtrade.optimize.hyperopt_tools import HyperoptTools

from perpkit.walkforward.proposal import VERDICT, proposal, write_proposal
from perpkit.walkforward.record import Run
from tests.walkforward import runs

MADE = datetime(2024, 1, 2, tzinfo=UTC)
RUN = Run(runs.request(), tuple(runs.result(number) for number in (1, 2, 3)))


def test_it_has_the_newest_parameters(tmp_path):
    path = tmp_path / "proposed.json"
    write_proposal(path, proposal(RUN, {"passes": False}, MADE))
    found = HyperoptTools.load_params_from_file(path)
    assert (found["strategy_name"], found["params"]) == ("Some", RUN.results[-1].parameters)
    assert found[VERDICT]["passes"] is False
    assert json.loads(path.read_text())[VERDICT]["window"]["number"] == 3


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (Run(runs.request(epochs=0), RUN.results), "epochs must be above 0"),
        (Run(RUN.request, (replace(RUN.results[0], chosen=None),)), "no epoch was good enough"),
    ],
)
def test_what_was_not_chosen_is_not_proposed(run, message):
    with pytest.raises(ValueError, match=message):
        proposal(run, {}, MADE)


@pytest.mark.parametrize(
    ("content", "replaced"),
    [
        ("", True),
        (json.dumps(proposal(RUN, {}, MADE)), True),
        ('{"exchange": {"key": "mine"}}', False),
        ("CONFIGURATION = 1\n", False),
    ],
)
def test_a_file_that_is_no_proposal_stays(tmp_path, content, replaced):
    path = tmp_path / "config.json"
    path.write_text(content)
    if replaced:
        write_proposal(path, proposal(RUN, {}, MADE))
        assert VERDICT in path.read_text()
    else:
        with pytest.raises(ValueError, match="propose must be a new file or an earlier proposal"):
            write_proposal(path, proposal(RUN, {}, MADE))
        assert path.read_text() == content


@pytest.mark.parametrize("name", ["Some.json", "Other.json"])
def test_a_file_that_would_be_in_force_is_refused(tmp_path, name):
    (tmp_path / "Other.py").touch()
    with pytest.raises(ValueError, match="would be in force"):
        write_proposal(tmp_path / name, proposal(RUN, {}, MADE))
    assert not (tmp_path / name).exists()
