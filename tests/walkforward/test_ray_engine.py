"""A Ray cluster's losses are those of a worker; its machines need this one's versions."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

import pytest

from perpkit.learning.trainers import trainers
from perpkit.walkforward.deciding import made_with
from perpkit.walkforward.engines import WorkerLostError
from perpkit.walkforward.ray_engine import (
    RayEngine,
    WorkerError,
    _Remote,
    check_versions,
    existing_folder,
)
from perpkit.walkforward.worker import Setup
from tests.cases import SLOW
from tests.walkforward import runs

ray = pytest.importorskip("ray")
known = ray.exceptions
ACTOR = "0" * 32


def raised_in_worker(cause: Exception) -> ray.exceptions.RayTaskError:
    traceback = f"Traceback (most recent call last):\n{type(cause).__name__}: {cause}"
    return known.RayTaskError("compute", traceback, cause, actor_id=ACTOR, pid=1, ip="127.0.0.1")


LOST = [
    known.OutOfMemoryError("Task was killed, the node was running low on memory.\nUsed: 23 GB"),
    known.WorkerCrashedError(),
    known.NodeDiedError("the node is dead"),
    known.ObjectLostError("f" * 56, None, ""),
    known.OwnerDiedError("f" * 56, None, ""),
    known.ObjectReconstructionFailedError("f" * 56, 1, "", "the task is gone"),
    known.ObjectFetchTimedOutError("f" * 56, None, ""),
    known.RayActorError(),
    known.ActorDiedError(),
    known.ActorUnavailableError("gone for now", b"0" * 16),
    known.LocalRayletDiedError(),
    known.OutOfDiskError("no room"),
    # By what the worker wanted to fetch.
    raised_in_worker(known.ObjectLostError("f" * 56, None, "")).as_instanceof_cause(),
]


class Failing:
    """Ray, of which a window's result is an error; no process is started."""

    exceptions = known

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.killed, self.is_on = 0, False
        self.places: set[str] = set()

    def init(self, **_options):
        self.is_on = True

    def shutdown(self):
        self.is_on = False

    def put(self, _value):
        return "shipment"

    def remote(self, **options):
        self.options = options
        compute = SimpleNamespace(remote=lambda window: window.number)

        def made(_versions, _shipment, place):
            self.places.add(place)
            return SimpleNamespace(compute=compute)

        return lambda _kind: SimpleNamespace(remote=made)

    def nodes(self):
        return ()

    def wait(self, running, num_returns, timeout=None):
        return running[:num_returns], running[num_returns:]

    def get(self, _reference):
        raise self.error

    def kill(self, _worker):
        self.killed += 1


class Refusing(Failing):
    """Ray that cannot join a cluster."""

    def init(self, **_options):
        raise self.error


class Computing(Failing):
    """Ray that has results, on a cluster with so many processors."""

    def __init__(self, processors: float) -> None:
        super().__init__(AssertionError())
        self.processors = processors

    def cluster_resources(self):
        return {"CPU": self.processors}

    def get(self, reference):
        return reference, {}


def failing(tmp_path: Path, error: Exception) -> tuple[RayEngine, Failing]:
    engine = RayEngine(2, None, tmp_path)
    found = engine._ray = Failing(error)
    return engine, found


def setup_of(datadir: Path, **changed) -> Setup:
    return Setup(runs.request(**changed), {}, {}, datadir)


def computed(engine: RayEngine, setup: Setup):
    return list(engine.compute(setup, setup.request.windows))


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_each_kind_of_loss_is_a_lost_worker(tmp_path, error):
    engine, found = failing(tmp_path, error)
    with pytest.raises(WorkerLostError) as raised:
        computed(engine, setup_of(tmp_path))
    said = str(raised.value)
    assert said
    assert "\n" not in said
    assert (found.killed, found.is_on) == (2, False)


@pytest.mark.parametrize(
    ("jobs", "processors", "workers", "held"),
    [(None, 2.0, 2, 1), (None, 9.0, 3, 1), (None, 0.5, 1, 1), (2, 1.0, 2, None)],
)
def test_a_worker_holds_a_processor_while_it_has_work(tmp_path, jobs, processors, workers, held):
    """With `--jobs` there may be more workers than processors."""
    engine, setup = RayEngine(jobs, None, tmp_path), setup_of(tmp_path)
    found = engine._ray = Computing(processors)
    given_back = []
    for _ in engine.compute(setup, setup.request.windows):
        given_back.append(found.killed)
    # The first is given back as soon as no window waits for it.
    assert given_back == [max(0, n - 3 + workers) for n in (1, 2, 3)]
    assert (found.killed, found.options.get("num_cpus")) == (workers, held)


def test_after_a_loss_machines_unpack_into_another_place(tmp_path):
    """In the one before, files may be missing: its removal was cut off."""
    engine = RayEngine(2, "auto", tmp_path)
    found = engine._ray = Failing(known.NodeDiedError("the node is dead"))
    for computations in (1, 2):
        with pytest.raises(WorkerLostError):
            computed(engine, setup_of(tmp_path))
        assert len(found.places) == computations
    assert not any(Path(place).is_absolute() for place in found.places)


def test_workers_of_this_machine_have_the_runs_folder(tmp_path, monkeypatch):
    """Also where `--out` is relative."""
    monkeypatch.chdir(tmp_path)
    engine, setup = RayEngine(2, None, Path("work")), setup_of(tmp_path)
    found = engine._ray = Computing(2)
    assert len(computed(engine, setup)) == len(setup.request.windows)
    assert found.places == {str(tmp_path / "work")}


@pytest.mark.parametrize("error", [ValueError("stoploss must be set"), KeyError("close")])
def test_an_error_of_the_strategy_is_itself(tmp_path, error):
    """It would be the same in the next worker, and is not computed again."""
    engine, _ = failing(tmp_path, raised_in_worker(error).as_instanceof_cause())
    with pytest.raises(type(error)) as raised:
        computed(engine, setup_of(tmp_path))
    assert raised.value is error


class LockedError(Exception):
    """It cannot be pickled."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.lock = Lock()


class WordedError(Exception):
    """It can be pickled, and not unpickled."""

    def __init__(self, name: str, allowed: str) -> None:
        super().__init__(f"{name} must be {allowed}")


@pytest.mark.parametrize(
    "error", [LockedError("stoploss must be set"), WordedError("stoploss", "set")]
)
def test_an_error_of_the_strategy_that_cannot_travel_is_no_loss(tmp_path, error):
    raised = raised_in_worker(error)
    back = known.RayError.from_bytes(raised.to_bytes())  # as Ray hands it over
    assert not isinstance(getattr(back, "cause", None), type(error))
    engine, _ = failing(tmp_path, back)
    said = rf"^a worker of the cluster failed: {type(error).__name__}: stoploss must be set$"
    with pytest.raises(WorkerError, match=said):
        computed(engine, setup_of(tmp_path))


def test_a_machine_without_perpkit_is_named(tmp_path):
    cause = raised_in_worker(ModuleNotFoundError("No module named 'perpkit'"))
    engine, _ = failing(tmp_path, known.ActorDiedError.from_task_error(cause))
    with pytest.raises(WorkerError, match=r"cannot start: .*No module named 'perpkit'$") as raised:
        computed(engine, setup_of(tmp_path))
    assert "\n" not in str(raised.value)


def test_versions_that_differ_are_named_with_both(tmp_path):
    here = {"freqtrade": "2026.9", "perpkit": "1.0", "perpkit files": "ab" * 32}
    check_versions(here, {**here, "other": "1"})
    with pytest.raises(WorkerError) as raised:
        check_versions(here, {"freqtrade": "2026.6", "perpkit": "1.0"})
    assert "freqtrade 2026.9 (there 2026.6)" in str(raised.value)
    assert "perpkit files abababababababababab (there none)" in str(raised.value)
    assert "perpkit 1.0" not in str(raised.value)
    # Before anything that was shipped is looked at.
    worker = _Remote({**made_with(), "freqtrade": "2020.1"}, [], str(tmp_path))
    with pytest.raises(WorkerError, match=r"freqtrade 2020\.1 \(there 20"):
        worker.compute(runs.window(1))


@pytest.mark.parametrize("name", ["freqtrade", "optuna", "pandas", *trainers()])
def test_a_run_that_trains_wants_trainers_too(tmp_path, name):
    wanted = made_with(learning=True, searching=True)
    worker = _Remote({**wanted, name: "0.0.1"}, [], str(tmp_path))
    with pytest.raises(WorkerError, match=rf": {name} 0\.0\.1 \(there \d[^,]*\)$"):
        worker.compute(runs.window(1))


@SLOW
def test_a_real_worker_of_another_version_refuses(tmp_path):
    (tmp_path / "data").mkdir()
    setup = setup_of(tmp_path / "data", made_with={**made_with(), "perpkit": "0.0.1"})
    with pytest.raises(WorkerError, match=r"perpkit 0\.0\.1 \(there ") as raised:
        computed(RayEngine(1, None, tmp_path), setup)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_only_a_folder_among_those_of_others_must_be_private(tmp_path, monkeypatch):
    """On some file systems every folder of the user's own has this mode."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert stat.S_IMODE(existing_folder("made").stat().st_mode) == 0o700
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(0o777)
    assert existing_folder(str(tmp_path / "work")) == tmp_path / "work"
    with pytest.raises(ValueError, match="only this user can read and write"):
        existing_folder("work")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "localhost:99999", "[::1]:9"])
def test_an_address_at_which_nothing_answers_is_refused(tmp_path, address):
    with pytest.raises(WorkerError, match="address must be of a Ray cluster, got") as raised:
        computed(RayEngine(1, address, tmp_path), setup_of(tmp_path))
    assert address in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n"),
            "Version mismatch: The cluster was started with: Ray: 2.9.0",
        ),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_what_ray_says_of_a_cluster_is_one_whole_line(tmp_path, error, said):
    engine = RayEngine(None, "auto", tmp_path)
    engine._ray = Refusing(error)
    with pytest.raises(WorkerError) as raised:
        computed(engine, setup_of(tmp_path))
    assert str(raised.value) == f"address must be of a Ray cluster, got auto: {said}"
