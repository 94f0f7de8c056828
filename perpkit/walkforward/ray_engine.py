"""Windows on a Ray cluster: the candles travel once to each of its machines."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from platform import node
from typing import Any

from perpkit.walkforward.deciding import made_with
from perpkit.walkforward.engines import Computed, WorkerLostError
from perpkit.walkforward.record import Window
from perpkit.walkforward.shipping import (
    Files,
    digest_of_all,
    digests,
    files_below,
    private_folder,
    unpacked_once,
)
from perpkit.walkforward.worker import Setup, Worker

# By Ray itself, before a worker counts as lost.
_TRIES = 4
_ANSWER_S = 10.0
# For machines to remove what they were sent.
_REMOVING_S = 60.0
# Shipped through memory.
_MOST_BYTES = 4 * 2**30


class WorkerError(ValueError):
    """A machine of the cluster that cannot compute; the message is for the operator."""


@dataclass(frozen=True)
class _Shipment:
    """
    :param of: digest of the files
    """

    setup: Setup
    files: Files
    of: str

    @classmethod
    def packed(cls, setup: Setup) -> _Shipment:
        files = {f"data/{name}": each for name, each in files_below(setup.datadir).items()}
        if setup.strategy_path is not None:
            beside = files_below(setup.strategy_path)
            files |= {f"strategies/{name}": each for name, each in beside.items()}
        size = sum(map(len, files.values()))
        if size > _MOST_BYTES:
            raise ValueError(
                f"datadir must have at most {_MOST_BYTES:,} bytes to be shipped, has {size:,}: "
                "give one with the candles of this run only"
            )
        return cls(setup, files, digest_of_all(digests(files)))

    def unpacked(self, within: Path) -> Setup:
        """Returns the setup with the places of the files on this machine."""
        folder = unpacked_once(self.files, self.of, within)
        path = None if self.setup.strategy_path is None else folder / "strategies"
        return replace(self.setup, datadir=folder / "data", strategy_path=path)


class RayEngine:
    """
    :param jobs: workers; None for one a processor of the cluster
    :param address: of the cluster; None for one on this machine, for this run
    :param scratch: an existing folder of this machine for what workers need while they run
    :raises ModuleNotFoundError: without Ray
    """

    def __init__(self, jobs: int | None, address: str | None, scratch: Path) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
        self._ray: Any = import_module("ray")
        self._jobs, self._address, self._scratch = jobs, address, scratch

    def compute(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        """
        :raises WorkerError: if a machine of the cluster has other versions than this one, or for an
            error of the strategy that cannot travel
        """
        known = self._ray.exceptions
        self._connect()
        try:
            yield from self._on_cluster(setup, windows)
        except known.RayTaskError as error:
            if type(error.cause) is known.RayError:  # in place of one that cannot be pickled
                raise _failed(error.cause) from error
            if isinstance(error.cause, known.RayError):  # such as what was shipped, and is lost
                raise _lost(error.cause) from error
            raise error.cause from error
        except known.RayActorError as error:
            if error.actor_init_failed:
                raise WorkerError(
                    f"a worker of the cluster cannot start: {str(error).splitlines()[-1]}"
                ) from error
            raise _lost(error) from error
        except getattr(known, "UnserializableException", ()) as error:  # older Rays have none
            raise _failed(error) from error
        except known.RayError as error:
            raise _lost(error) from error
        finally:
            self._ray.shutdown()

    def _connect(self) -> None:
        options = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is None:
            jobs = self._jobs or os.cpu_count() or 1
            self._ray.init(num_cpus=jobs, include_dashboard=False, **options)
            return
        try:
            _check_answers(self._address)
            self._ray.init(address=self._address, **options)
        except (OSError, OverflowError, RuntimeError, ValueError) as error:
            raise WorkerError(
                f"address must be of a Ray cluster, got {self._address}: {_in_one_line(error)}"
            ) from error

    def _on_cluster(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        ray = self._ray
        # Each machine fetches it once into its part of the object store.
        shipment = ray.put(_Shipment.packed(setup))
        place = self._new_place()
        # By default Ray would fill the first machine, and a worker that runs holds no processor: as
        # many would go to a small machine as to a large one.
        holds = {} if self._jobs else {"num_cpus": 1}
        kind = ray.remote(
            max_restarts=_TRIES, max_task_retries=_TRIES, scheduling_strategy="SPREAD", **holds
        )(_Remote)
        jobs = self._jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
        workers = [
            kind.remote(setup.request.made_with, [shipment], place)
            for _ in range(min(jobs, len(windows)))
        ]
        waiting = list(windows)
        try:
            # Freed workers take the next window: windows that grow take longer and longer.
            running = {worker.compute.remote(waiting.pop(0)): worker for worker in workers}
            while running:
                [done], _ = ray.wait(list(running), num_returns=1)
                worker = running.pop(done)
                computed: Computed = ray.get(done)
                if waiting:
                    running[worker.compute.remote(waiting.pop(0))] = worker
                else:  # another one may wait for its processor
                    workers.remove(worker)
                    ray.kill(worker)
                yield computed
        finally:
            for worker in workers:
                ray.kill(worker)
            self._remove(place)

    def _new_place(self) -> str:
        if self._address is None:
            return str(self._scratch.absolute())
        # Below the temporary folder of each machine, where no name may be guessed: strategies in it
        # are executed. After a loss, the place before may be one that is half removed.
        return f"perpkit-walkforward-{secrets.token_hex(16)}"

    def _remove(self, place: str) -> None:
        """Has each machine remove what it was sent; the scratch folder is removed by its owner."""
        if self._address is None:
            return
        ray = self._ray
        on = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        tasks = [
            ray.remote(num_cpus=0, scheduling_strategy=on(each["NodeID"], soft=False))(_removed)
            for each in ray.nodes()
            if each["Alive"]
        ]
        asked = [task.remote(place) for task in tasks]
        ray.wait(asked, num_returns=len(asked), timeout=_REMOVING_S)


def _check_answers(address: str) -> None:
    """Ray itself waits for minutes.

    :raises OSError: if nothing listens at a host and port; other forms are Ray's to judge
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()


def _in_one_line(error: Exception) -> str:
    """Ray gives versions that differ in lines of their own."""
    return " ".join(str(error).split()) or type(error).__name__


def _failed(error: Exception) -> WorkerError:
    """:param error: Ray's, with the traceback of one that cannot be pickled, or not unpickled"""
    return WorkerError(f"a worker of the cluster failed: {str(error).strip().splitlines()[-1]}")


def _lost(error: Exception) -> WorkerLostError:
    reason = next(iter(str(error).splitlines()), "")
    return WorkerLostError(f"{type(error).__name__}: {reason}")


class _Remote:
    """A worker in a process of the cluster.

    :param wanted: the versions to compute with
    :param shipment: its reference, in a list so that it is fetched by versions that are known
    :param place: of a folder for it; one that is not absolute is below the temporary folder, and
        made there
    """

    def __init__(self, wanted: Mapping[str, str], shipment: Sequence[Any], place: str) -> None:
        self._wanted, self._shipment, self._place = wanted, shipment, place
        self._worker: Worker | None = None

    def compute(self, window: Window) -> Computed:
        if self._worker is None:
            self._worker = self._made()
        return window.number, self._worker.compute(window)

    def _made(self) -> Worker:
        # Of those found, only what is wanted counts: of trainers, if the run trains models.
        check_versions(self._wanted, made_with(learning=True, searching=True))
        shipment: _Shipment = import_module("ray").get(self._shipment[0])
        folder = existing_folder(self._place)
        return Worker(shipment.unpacked(folder), folder)


def check_versions(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """
    :raises WorkerError: naming this machine, and both versions of what differs
    """
    differing = [
        f"{name} {_short(value)} (there {_short(found.get(name, 'none'))})"
        for name, value in wanted.items()
        if value != found.get(name)
    ]
    if differing:
        raise WorkerError(
            f"workers must have the versions of this machine, which are not those of {node()}: "
            f"{', '.join(differing)}"
        )


def existing_folder(place: str) -> Path:
    """Returns the folder of a place, made unless it is absolute, where the run has made it.

    :raises ValueError: if it is made, and is another user's
    """
    folder = _folder(place)
    # A run's own folder may lie on a file system that has no owners or modes.
    return folder if Path(place).is_absolute() else private_folder(folder)


def _short(value: str) -> str:
    """Returns a version, or the beginning of a digest."""
    return value[:20]


def _removed(place: str) -> None:
    shutil.rmtree(_folder(place), ignore_errors=True)


def _folder(place: str) -> Path:
    return Path(tempfile.gettempdir()) / place
