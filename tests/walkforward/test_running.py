"""A run in its directory: what is missing is computed, once, and for one request at a time."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from perpkit.walkforward import deciding
from perpkit.walkforward.deciding import made_with
from perpkit.walkforward.engines import WorkerLostError
from perpkit.walkforward.run_directory import content_of_result, is_done
from perpkit.walkforward.running import RunError, held, run
from perpkit.walkforward.shipping import digest_of_file
from perpkit.walkforward.worker import Setup
from tests.walkforward import runs

REQUEST = runs.request(made_with=made_with(searching=True))
SETUP = Setup(REQUEST, {}, {}, Path("data"))


@dataclass
class Losing:
    """An engine whose workers are lost after some windows, `losses` times."""

    losses: int
    before: int = 1

    def __post_init__(self):
        self.asked = []

    def compute(self, setup, windows):
        self.asked.append([window.number for window in windows])
        for done, window in enumerate(windows):
            if self.losses and done == self.before:
                self.losses -= 1
                raise WorkerLostError
            yield window.number, content_of_result(runs.result(window.number))


def go(engine, folder):
    said = []
    with held(folder, REQUEST):
        run(engine, SETUP, folder, lambda *_: None, said.append)
    return said


def test_what_is_missing_is_asked_again(tmp_path):
    engine = Losing(losses=2)
    said = go(engine, tmp_path)
    assert engine.asked == [[1, 2, 3], [2, 3], [3]]
    assert all(is_done(tmp_path, number) for number in (1, 2, 3))
    assert len(said) == 2
    again = Losing(losses=0)
    assert go(again, tmp_path) == []
    assert again.asked == []


def test_it_gives_up_when_nothing_comes_of_it(tmp_path):
    engine = Losing(losses=9, before=0)
    with pytest.raises(RunError, match=r"a worker was lost 3 times in a row.*0 of 3 windows"):
        go(engine, tmp_path)
    assert len(engine.asked) == 3


@pytest.mark.parametrize("change", ["written", "removed", "perpkit", None])
def test_no_window_of_another_state_is_kept(tmp_path, monkeypatch, change):
    """Freqtrade runs the strategy's file again for each window, as it is then."""
    source = tmp_path / "Some.py"
    source.write_text("A = 1\n")
    name = "strategy Some.py"
    request = replace(REQUEST, files={name: digest_of_file(source)})
    setup = replace(SETUP, request=request, live={name: (source,)})
    engine, out = Losing(losses=0), tmp_path / "run"

    def show(done, *_):
        if done == 1 and change == "written":
            source.write_text("A = 2\n")
        if done == 1 and change == "removed":
            source.unlink()
        if done == 1 and change == "perpkit":
            monkeypatch.setattr(deciding, "digest_of_all", lambda _: "0")

    with held(out, request):
        if change is None:
            run(engine, setup, out, show, lambda _: None)
        else:
            changed = "perpkit files" if change == "perpkit" else name
            with pytest.raises(RunError, match=f"{changed} was changed while .* window 2 may be"):
                run(engine, setup, out, show, lambda _: None)
    assert [is_done(out, number) for number in (1, 2, 3)] == [True, *[change is None] * 2]


def test_a_directory_is_of_one_request(tmp_path):
    go(Losing(losses=0), tmp_path)
    with (
        pytest.raises(RunError, match=r"out must be of the same request.*: seed was 1, and is 2\."),
        held(tmp_path, replace(REQUEST, seed=2)),
    ):
        pass
    with held(tmp_path, replace(REQUEST)):
        pass


def test_a_directory_has_one_run_at_a_time(tmp_path):
    with (
        held(tmp_path, REQUEST),
        pytest.raises(RunError, match="another run is in"),
        held(tmp_path, REQUEST),
    ):
        pass


@pytest.mark.parametrize("name", ["own.json", "own.json/run"])
def test_a_file_is_no_directory_of_a_run(tmp_path, name):
    (tmp_path / "own.json").touch()
    with (
        pytest.raises(RunError, match=f"out must be a directory, got .*{name}"),
        held(tmp_path / name, REQUEST),
    ):
        pass


@pytest.mark.parametrize("name", ["windows", "work", "config.json"])
def test_a_folder_with_other_things_in_it_is_not_taken_over(tmp_path, name):
    """Workers' folder is removed at the end."""
    (tmp_path / name).mkdir()
    with pytest.raises(RunError, match="out must be empty or a run"), held(tmp_path, REQUEST):
        pass
    assert (tmp_path / name).is_dir()
