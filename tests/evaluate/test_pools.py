"""Jobs in this process, in others and on Ray: order, dependents, and processes that die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gscompress._native import threads
from gscompress.evaluate.batch.pools import InProcess, Job, Lost, Pool, Processes, useful_jobs
from gscompress.evaluate.batch.schedule import Step, run_steps

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def doubled(number: int) -> int:
    return 2 * number


def where(_: object) -> tuple[int, int]:
    return os.getpid(), threads()


def dies_once(marker: str) -> str:
    """Kills its process, the first time that it is called with this file."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def dies(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def step(name: str, function: Any, argument: Any, needs: str | None = None, group: str = "") -> Step:
    return Step(name, needs, group, lambda _: Job(function, argument, group))


def results(steps: list[Step], pool: Pool) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    try:
        run_steps(steps, pool, lambda step, result: found.update({step.name: result}))
    finally:
        pool.close()
    return found


def test_dependents_wait():
    order: list[str] = []

    def made(name: str, function: Any = doubled) -> Any:
        def job(result: object) -> Job | None:
            order.append(f"{name} after {result}")
            return Job(function, 4, "") if function else None

        return job

    steps = [Step("b", "a", "", made("b")), Step("a", None, "", made("a")), Step("d", "c", "", made("d")), Step("c", None, "", made("c", None))]
    found = results(steps, InProcess())
    assert order == ["a after None", "b after 8", "c after None", "d after None"]
    assert found == {"a": 8, "b": 8, "d": 8}


def test_processes():
    found = results([step(str(i), doubled, i) for i in range(7)], Processes(2))
    assert found == {str(i): 2 * i for i in range(7)}


def test_a_group_keeps_to_its_process():
    """As long as there is something of it to do."""
    pool = Processes(2)
    try:
        for group in "ab":
            assert pool.choose(["a", "a", "b"]) == (0 if group == "a" else 2)
            pool.submit(Job(where, None, group))
        assert pool.choose(["a", "b"]) is None
        first, result = pool.next()
        assert not isinstance(result, Lost)
        pid, share = result
        other = "b" if first.group == "a" else "a"
        assert pool.choose([other, "c", first.group]) == 2
        assert pool.choose([other, "c"]) == 1
        pool.submit(Job(where, None, first.group))
        found: dict[str, Any] = {job.group: result for job, result in (pool.next(), pool.next())}
        assert found[first.group][0] == pid
        assert found[other][0] not in (pid, os.getpid())
        assert share == max(1, threads() // 2)
    finally:
        pool.close()


@posix
def test_a_process_that_dies_takes_nothing_along(tmp_path):
    steps = [
        step("first", doubled, 1), step("once", dies_once, str(tmp_path / "marker")), step("always", dies, None),
        *(step(str(i), doubled, i) for i in range(4)),
    ]  # fmt: skip
    found = results(steps, Processes(2))
    assert isinstance(found["always"], Lost)
    assert "died" in found["always"].reason
    assert {n: r for n, r in found.items() if n != "always"} == {"first": 2, "once": "alive", **{str(i): 2 * i for i in range(4)}}


@posix
def test_a_process_that_dies_while_it_has_nothing_to_do():
    pool = Processes(1)
    try:
        pool.submit(Job(where, None, ""))
        _, found = pool.next()
        assert not isinstance(found, Lost)
        pid, _ = found
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not pool._slots[0].executor._broken and time.monotonic() < deadline:
            time.sleep(0.01)
        pool.submit(Job(doubled, 4, ""))
        assert pool.next()[1] == 8
    finally:
        pool.close()


def test_no_more_processes_than_are_of_use():
    most = 4 * (os.cpu_count() or 1)
    assert [useful_jobs(5000, 10**6), useful_jobs(5000, 3), useful_jobs(1, 9), useful_jobs(2, 0)] == [most, 3, 1, 1]
    pool = Processes(useful_jobs(5000, 3), 5000)
    assert pool.description == "3 processes (5000 asked for: no more are of use)"
    pool.close()


@posix
def test_ray(tmp_path, monkeypatch):
    """Two workers, one of which is killed while it works."""
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))  # where workers find this module
    from gscompress.evaluate.batch.ray_pool import RayPool

    pool = RayPool(workers=2)
    assert pool.description == "Ray, 1 node, 2 CPUs"
    steps = [step("once", dies_once, str(tmp_path / "marker")), *(step(str(i), doubled, i) for i in range(9)), step("pid", where, None)]
    found = results(steps, pool)
    assert [r for r in found.values() if isinstance(r, Lost)] == []
    assert found.pop("pid")[0] != os.getpid()
    assert found == {"once": "alive", **{str(i): 2 * i for i in range(9)}}
    assert (tmp_path / "marker").exists()


CLUSTER = """
import os, sys
os.environ.pop("GSCOMPRESS_MINE", None)
from ray.cluster_utils import Cluster
made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
print(made.address, flush=True)
sys.stdin.read()
made.shutdown()
"""


def elsewhere(_: object) -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get("GSCOMPRESS_MINE")


@posix
def test_a_ray_cluster_that_was_started_elsewhere(tmp_path, monkeypatch):
    """Its workers get the variables that gscompress looks at, though not this folder; fractions of a processor share it."""
    pytest.importorskip("ray")
    from gscompress.evaluate.batch.ray_pool import RayPool

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    with subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as cluster:
        assert cluster.stdout is not None
        address = next(line for line in cluster.stdout if line[0].isdigit()).strip()
        monkeypatch.setenv("GSCOMPRESS_MINE", "here")
        pool = RayPool(address, cpus=0.5)
        found = results([step("one", elsewhere, None), step("two", doubled, 2)], pool)
        cluster.communicate()
    assert found["one"][1] == "here"
    assert found["two"] == 4


def test_a_ray_cluster_that_is_not_there():
    pytest.importorskip("ray")
    from gscompress.errors import InputError
    from gscompress.evaluate.batch.ray_pool import RayPool

    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        for prefix in ("ray://", ""):
            start = time.monotonic()
            with pytest.raises(InputError, match="--ray: expected a cluster"):
                RayPool(f"{prefix}127.0.0.1:{taken.getsockname()[1]}")
            assert time.monotonic() - start < 15


def test_ray_is_asked_for_and_not_there(monkeypatch):
    from gscompress.errors import MissingExtra
    from gscompress.evaluate.batch.ray_pool import RayPool

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"gscompress\[ray\]"):
        RayPool()
