"""Where work is done: in this process, or in others on this machine. `ray_pool` has clusters."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Protocol

from ..._native import threads
from ...train.process import settle_process


@dataclass(frozen=True)
class Job:
    """A piece of work: `function(argument)`, both of which can be pickled; jobs of one `group` like to be done by one process."""

    function: Callable[[Any], Any]
    argument: Any
    group: str


@dataclass(frozen=True)
class Lost:
    """What became of a job whose process died; the function itself never raises."""

    reason: str


PER_PROCESSOR = 4
"""Processes at most: more wait for each other, and for memory and open files."""


def useful_jobs(asked: int, cells: int) -> int:
    """How many of so many at once can have something to do."""
    return max(1, min(asked, cells, PER_PROCESSOR * (os.cpu_count() or 1)))


class Pool(Protocol):
    """Takes jobs while there is room, and gives back what came of them in any order."""

    @property
    def description(self) -> str:
        """For people."""
        ...

    def choose(self, groups: Sequence[str]) -> int | None:
        """Which of the jobs that are ready, of these groups, it takes next; None while it takes none."""
        ...

    def submit(self, job: Job) -> None:
        """Takes a job."""
        ...

    def next(self) -> tuple[Job, Any | Lost]:
        """Waits for one of the jobs to be done."""
        ...

    def close(self) -> None:
        """Ends all processes, whatever they do."""
        ...


class InProcess:
    """One job at a time, here."""

    description = "in process"

    def __init__(self) -> None:
        self._job: Job | None = None

    def choose(self, groups: Sequence[str]) -> int | None:
        return 0 if self._job is None else None

    def submit(self, job: Job) -> None:
        self._job = job

    def next(self) -> tuple[Job, Any | Lost]:
        assert self._job is not None
        job, self._job = self._job, None
        return job, job.function(job.argument)

    def close(self) -> None:
        pass


@dataclass
class _Slot:
    """One process: its group is that of its last job, whose scene it holds."""

    executor: ProcessPoolExecutor
    group: str = ""
    future: Future | None = None
    job: Job | None = None


@dataclass
class Processes:
    """`count` processes of their own pools each, so that one that dies takes no other's work along, and is known; `asked` were asked for."""

    count: int
    asked: int | None = None
    _slots: list[_Slot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._slots = [_Slot(self._executor()) for _ in range(self.count)]

    @property
    def description(self) -> str:
        fewer = f" ({self.asked} asked for: no more are of use)" if self.asked and self.asked > self.count else ""
        return f"{self.count} process{'es' if self.count > 1 else ''}{fewer}"

    def choose(self, groups: Sequence[str]) -> int | None:
        idle = [slot.group for slot in self._slots if slot.future is None]
        if not idle:
            return None
        held = {slot.group for slot in self._slots}
        best = [g in idle for g in groups] if any(g in idle for g in groups) else [g not in held for g in groups]
        return best.index(True) if any(best) else 0

    def submit(self, job: Job) -> None:
        idle = [slot for slot in self._slots if slot.future is None]
        slot = next((s for s in idle if s.group == job.group), None) or next((s for s in idle if not s.group), idle[0])
        try:
            future = slot.executor.submit(job.function, job.argument)
        except BrokenProcessPool:  # it died while it had nothing to do
            slot.executor.shutdown(wait=False)
            slot.executor = self._executor()
            future = slot.executor.submit(job.function, job.argument)
        slot.group, slot.job, slot.future = job.group, job, future

    def next(self) -> tuple[Job, Any | Lost]:
        done, _ = wait([s.future for s in self._slots if s.future], return_when=FIRST_COMPLETED)
        slot = next(s for s in self._slots if s.future in done)
        job, future = slot.job, slot.future
        assert job is not None
        assert future is not None
        slot.job = slot.future = None
        try:
            return job, future.result()
        except BrokenProcessPool:
            slot.executor.shutdown(wait=False)
            slot.executor, slot.group = self._executor(), ""
            return job, Lost("its process died (killed, out of memory, or crashed in native code)")

    def close(self) -> None:
        for slot in self._slots:
            running = list((getattr(slot.executor, "_processes", None) or {}).values())
            slot.executor.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.kill()

    def _executor(self) -> ProcessPoolExecutor:
        share = max(1, threads() // self.count)
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=limit_threads, initargs=(share,))


def limit_threads(count: int) -> None:
    """Called in a new process: it has so many processors for itself."""
    settle_process()  # before torch is there
    os.environ["GSCOMPRESS_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(count)
