"""Jobs that wait for others, through a pool: what is lost is tried once more, and what cannot be done takes its dependents along."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from .pools import Job, Lost, Pool

TRIES = 2
"""Of a job whose process dies: once may be the machine's fault."""


@dataclass(frozen=True)
class Step:
    """A job in the making: `job(result of the step that it needs)` makes it once that is done, or says None: there is nothing to do."""

    name: Hashable
    needs: Hashable | None
    group: str
    job: Callable[[Any], Job | None]


def run_steps(steps: Sequence[Step], pool: Pool, done: Callable[[Step, Any | Lost], None]) -> None:
    """Runs all steps, in their order as far as the pool and their needs allow.

    Args:
        steps: what is to be done; names are unique.
        pool: where.
        done: called here with what came of a step, which is `Lost` if its process died `TRIES` times. Not called for steps without a job.
    """
    results: dict[Hashable, Any] = {None: None}
    tries: dict[Hashable, int] = {}
    waiting: list[Step] = list(steps)
    running: dict[int, tuple[Step, Job]] = {}
    while waiting or running:
        while ready := [step for step in waiting if step.needs in results]:
            chosen = pool.choose([step.group for step in ready])
            if chosen is None:
                break
            step = ready[chosen]
            waiting.remove(step)
            job = step.job(results[step.needs])
            if job is None:
                results[step.name] = None
            else:
                running[id(job)] = step, job
                pool.submit(job)
        if not running:
            continue
        job, result = pool.next()
        step, _ = running.pop(id(job))
        if isinstance(result, Lost):
            tries[step.name] = tries.get(step.name, 0) + 1
            if tries[step.name] < TRIES:
                running[id(job)] = step, job
                pool.submit(job)
                continue
        results[step.name] = result
        done(step, result)
