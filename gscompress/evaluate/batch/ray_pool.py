"""Work on a Ray cluster: on this machine unless an address says otherwise. Files are named, not sent: the folders of data, models and
results have to be where every node sees them, and gscompress has to be installed there.
"""

from __future__ import annotations

import logging
import math
import os
import re
import socket
from collections.abc import Sequence
from typing import Any

from ...errors import InputError, MissingExtra
from .pools import Job, Lost, limit_threads

RETRIES = 3
"""Of a job whose worker died, by Ray."""
WORDS = 300
"""Characters of Ray's reason that are kept."""
ANSWER_SECONDS = 10
"""For a cluster to take a connection."""
PREFIX = "GSCOMPRESS_"
"""Of environment variables that workers get, wherever the cluster was started."""
AHEAD = 2
"""Jobs that wait per job that runs, so that no worker is idle."""


class RayPool:
    """A cluster's workers.

    Args:
        address: of the cluster, for example "ray://host:10001" or "auto"; None to start one here.
        workers: how many jobs run at once on a local one; None for one a processor.
        cpus, gpus: that every job gets.

    Raises:
        MissingExtra: Ray is not installed.
        InputError: there is no such cluster.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, cpus: float = 1, gpus: float = 0):
        try:
            import ray  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingExtra("ray", "ray", "--ray") from error
        self._ray, self._running = ray, {}
        local: dict[str, Any] = {} if address else {"num_cpus": workers and math.ceil(workers * cpus), "include_dashboard": False}
        if environment := {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}:
            local["runtime_env"] = {"env_vars": environment}
        try:
            _answers(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise InputError(f"--ray: expected a cluster at {address or 'this machine'}, found none ({error})") from error
        resources = ray.cluster_resources()
        held = [resources.get("CPU", 0) / cpus if cpus else float("inf"), resources.get("GPU", 0) / gpus if gpus else float("inf")]
        if min(held) < 1:
            raise InputError(f"--ray: expected {cpus:g} CPUs and {gpus:g} GPUs for a cell, found {resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}")
        self._most = AHEAD * int(min(held))
        nodes = sum(node["Alive"] for node in ray.nodes())
        graphics = f", {resources['GPU']:g} GPUs" if resources.get("GPU") else ""
        self.description = f"Ray, {nodes} node{'s' if nodes > 1 else ''}, {resources.get('CPU', 0):g} CPUs{graphics}"
        self._remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_work)
        self._threads = max(1, round(cpus))

    def choose(self, groups: Sequence[str]) -> int | None:
        return 0 if len(self._running) < self._most else None

    def submit(self, job: Job) -> None:
        self._running[self._remote.remote(job.function, job.argument, self._threads)] = job

    def next(self) -> tuple[Job, Any | Lost]:
        (done,), _ = self._ray.wait(list(self._running), num_returns=1)
        job = self._running.pop(done)
        try:
            return job, self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            said = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
            return job, Lost(f"Ray lost it: {' '.join(said[-1].split())[:WORDS] if said else type(error).__name__}")

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        self._ray.shutdown()


def _answers(address: str | None) -> None:
    """Raises OSError where nobody is at "host:port" or "ray://host:port", which Ray takes minutes to say; other addresses are Ray's to judge."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()


def _work(function: Any, argument: Any, threads: int) -> Any:
    limit_threads(threads)
    return function(argument)
