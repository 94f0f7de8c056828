"""A search with a planted plateau and a planted peak."""

from __future__ import annotations

import json

import numpy as np
import pytest

from perpkit.files.errors import FileError
from perpkit.research.hyperopt.epochs import Epoch, read_epochs
from perpkit.research.hyperopt.plateau import Ground, Search, by_neighbours
from perpkit.research.hyperopt.words import verdict


def planted(peak: float = -6.0, noise: float = 0.05) -> list[Epoch]:
    """Losses around 0, a plateau of -2 where x and y are small, and one peak far from it."""
    draw = np.random.default_rng(4)
    epochs = []
    for number in range(1, 201):
        x, y, z = int(draw.integers(0, 100)), float(draw.random()), str(draw.choice(["a", "b"]))
        loss = draw.normal(0, noise) - 2 * (x < 60 and y < 0.6)
        epochs.append(Epoch(number, loss, {"x": x, "y": y, "z": z, "fixed": 3}, 100, 0.1))
    far = {"x": 90, "y": 0.9, "z": "a", "fixed": 3}
    return [*epochs, Epoch(201, peak, far, 100, 0.9)]


def test_a_peak_is_the_best_epoch_and_a_plateau_the_best_neighbourhood():
    search = Search(planted())
    ranked = search.neighbourhoods()
    assert (ranked[0].epoch.number, ranked[0].ground) == (201, Ground.PEAK)
    assert ranked[0].shared == pytest.approx(0, abs=0.05)
    best = by_neighbours(ranked)[0]
    assert best.epoch.params["x"] < 60 > 100 * best.epoch.params["y"]
    assert (best.ground, best.loss) == (Ground.PLATEAU, pytest.approx(-2, abs=0.1))
    said = verdict(search, ranked)
    assert "The best of 201 epochs, number 201, stands on a peak: it is probably luck." in said
    assert f"The best neighbourhood is that of epoch {best.epoch.number}" in said


def test_without_a_peak_the_best_stands_on_the_plateau():
    search = Search(planted()[:-1])
    ranked = search.neighbourhoods()
    assert ranked[0].ground is Ground.PLATEAU
    assert ranked[0].shared > 0.8
    assert "stands on a plateau" in verdict(search, ranked)


def test_the_parameters_that_matter_come_first():
    search = Search(planted())
    names = [name for name, _ in search.importances()]
    assert set(names[:2]) == {"x", "y"}
    assert names[2:] == ["z"]  # what is always the same is not compared
    shares = dict(search.importances())
    assert shares["z"] < 0.05 < shares["x"] < 1


def test_the_heat_map_shows_where_the_plateau_is():
    heat = Search(planted()).heat_map()
    assert {heat.x.parameter, heat.y.parameter} == {"x", "y"}
    assert heat.losses.shape == (6, 6)
    assert heat.losses[0, 0] == pytest.approx(-2, abs=0.1)
    assert np.nanmedian(heat.losses[4:, 4:]) == pytest.approx(0, abs=0.1)
    assert heat.x.names[0].startswith("0")


def test_choices_are_fields_of_their_own():
    epochs = [
        Epoch(n, n % 2 - 5 * (n % 3 == 0), {"kind": "abc"[n % 3], "on": bool(n % 2)}, 9, 0.0)
        for n in range(1, 25)
    ]
    # Six different sets only.
    with pytest.raises(ValueError, match=r"hyperopt must have 20 different epochs .* got 6 of 24"):
        Search(epochs)
    many = [Epoch(e.number, e.loss, {**e.params, "k": e.number}, 9, 0.0) for e in epochs]
    heat = Search(many).heat_map()
    assert heat.x.names == ("a", "b", "c")
    assert heat.y.names == ("False", "True")


def test_the_same_parameters_again_are_no_neighbours():
    """A search returns to its best: a peak that is tried ten times is still one."""
    again = [Epoch(300 + n, -6.0, planted()[-1].params, 100, 0.9) for n in range(10)]
    ranked = Search([*planted(), *again]).neighbourhoods()
    assert (ranked[0].epoch.number, ranked[0].ground) == (201, Ground.PEAK)


def test_epochs_without_a_loss_of_their_own_are_left_out():
    idle = [Epoch(300 + n, 100_000, {"x": n, "y": 0.1, "z": "a"}, 0, 0.0) for n in range(50)]
    search = Search([*planted(), *idle])
    assert (search.tried, len(search.epochs)) == (251, 201)


@pytest.mark.parametrize(("epochs", "neighbours"), [(20, 5), (201, 10)])
def test_how_many_neighbours(epochs, neighbours):
    assert Search(planted()[:epochs]).neighbours == neighbours


def test_the_distance_says_how_far_neighbours_are():
    line = [Epoch(n, float(n), {"x": n}, 9, 0.0) for n in range(21)]
    found = {one.epoch.number: one.distance for one in Search(line).neighbourhoods()}
    # Five neighbours: to one side of the first, to both of the one in the middle.
    assert (found[0], found[10]) == (pytest.approx(5 / 20), pytest.approx(3 / 20))


LINE = {
    "loss": -1.5, "params_dict": {"x": 1}, "results_metrics": {"total_trades": 7},
    "total_profit": 0.25, "current_epoch": 3,
}  # fmt: skip


def test_a_file_of_freqtrade(tmp_path):
    path = tmp_path / "strategy.fthypt"
    nan = json.dumps({**LINE, "loss": float("nan"), "current_epoch": 4})
    path.write_text(json.dumps(LINE) + "\n\n" + nan + "\n")
    one, other = read_epochs(path)
    assert one == Epoch(3, -1.5, {"x": 1}, 7, 0.25)
    assert (one.rated, other.rated) == (True, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no epoch"),
        ("{}", "line 1"),
        ("[]", "line 1"),
        (json.dumps(LINE) + "\n{", "line 2"),
        (json.dumps({**LINE, "loss": "low"}), "line 1"),
        (json.dumps({**LINE, "params_dict": {}}), "line 1"),
        ("\udcff", "line 1"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, content, said):
    path = tmp_path / "x.fthypt"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(FileError, match=f"hyperopt must be a result of .*{said}"):
        read_epochs(path)
    with pytest.raises(FileError, match="hyperopt must be a file"):
        read_epochs(tmp_path)
