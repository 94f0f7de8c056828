"""Windows on a Ray cluster: the candles travel once to each of its machines."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from perpkit.walkforward.engines import Computed, WorkerLostError
from perpkit.walkforward.record import Window
from perpkit.walkforward.shipping import Files, digest_of_all, digests, files_below, unpacked_once
from perpkit.walkforward.worker import Setup, Worker

_TRIES = 4
# Shipped through memory.
_MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class _Shipment:
    """
    :param of: digest of the files
    """

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
        return cls(files, digest_of_all(digests(files)))

    def unpacked(self, setup: Setup) -> Setup:
        """Returns the setup with the places of the files on this machine."""
        folder = unpacked_once(self.files, self.of)
        path = None if setup.strategy_path is None else folder / "strategies"
        return replace(setup, datadir=folder / "data", strategy_path=path)


class RayEngine:
    """
    :param jobs: workers; each of them needs a processor
    :param address: of the cluster; None for one on this machine, for this run
    :raises ModuleNotFoundError: without Ray
    """

    def __init__(self, jobs: int, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
        self._ray: Any = import_module("ray")
        self._jobs, self._address = jobs, address

    def compute(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        options = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is None:
            self._ray.init(num_cpus=self._jobs, include_dashboard=False, **options)
        else:
            self._ray.init(address=self._address, **options)
        try:
            yield from self._on_cluster(self._ray, setup, windows)
        finally:
            self._ray.shutdown()

    def _on_cluster(self, ray: Any, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        # Each machine fetches it once into its part of the object store.
        shipment = ray.put(_Shipment.packed(setup))
        kind = ray.remote(max_restarts=_TRIES, max_task_retries=_TRIES)(_Remote)
        workers = [kind.remote(shipment, setup) for _ in range(min(self._jobs, len(windows)))]
        waiting = list(windows)
        # Freed workers take the next window: windows that grow take longer and longer.
        running = {worker.compute.remote(waiting.pop(0)): worker for worker in workers}
        while running:
            [done], _ = ray.wait(list(running), num_returns=1)
            worker = running.pop(done)
            try:
                computed: Computed = ray.get(done)
            except ray.exceptions.RayActorError as error:
                raise WorkerLostError from error
            if waiting:
                running[worker.compute.remote(waiting.pop(0))] = worker
            yield computed


class _Remote:
    """A worker in a process of the cluster."""

    def __init__(self, shipment: _Shipment, setup: Setup) -> None:
        self._worker = Worker(shipment.unpacked(setup))

    def compute(self, window: Window) -> Computed:
        return window.number, self._worker.compute(window)
