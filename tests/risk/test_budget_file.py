"""The file of budgets: written a source at a time, read as it was written."""

import json

import pytest

from perpkit.risk.budget_file import read, write
from perpkit.risk.budgets import SourceRisk

CALM, WILD = SourceRisk(0.01, 700), SourceRisk(0.03, 365, "2023-01-01")


def test_each_source_keeps_what_is_known_of_the_others(tmp_path):
    path = tmp_path / "budgets.json"
    write(path, "calm", WILD)
    write(path, "wild", WILD)
    write(path, "calm", CALM)
    assert read(path).sources == {"calm": CALM, "wild": WILD}
    assert json.loads(path.read_text())["version"] == 1


@pytest.mark.parametrize(
    "content", ["{", '{"sources": {}, "version": 2}', '{"sources": {"calm": {"days": 700}}}']
)
def test_a_file_that_is_not_understood_stays_as_it_is(tmp_path, content):
    path = tmp_path / "budgets.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=str(path)):
        write(path, "calm", CALM)
    assert path.read_text() == content
