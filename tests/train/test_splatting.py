"""Plain 3DGS: its loss, its schedule, and that a run is repeatable, goes on where it stopped, and stops where it must."""

from __future__ import annotations

import importlib
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photographs_for_tests import colmap_of_shapes

torch = pytest.importorskip("torch")
pytest.importorskip("gsplat")

from gscompress.errors import Corrupt, InputError, MissingExtra  # noqa: E402
from gscompress.evaluate import metrics  # noqa: E402
from gscompress.scene import Scene  # noqa: E402
from gscompress.train.checkpoint import CsvLog, read_checkpoint, write_checkpoint  # noqa: E402
from gscompress.train.losses import photometric, ssim  # noqa: E402
from gscompress.train.photographs import Photographs, load_photographs  # noqa: E402
from gscompress.train.process import settle_process  # noqa: E402
from gscompress.train.score import score  # noqa: E402
from gscompress.train.splatting import Diverged, SplatTrainer, Status  # noqa: E402
from gscompress.train.splatting_options import Schedule, SplattingOptions  # noqa: E402

SHORT = SplattingOptions(iterations=80)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    """Sixteen photographs of the generated scene, and its centres, moved a little, to start from."""
    folder = tmp_path_factory.mktemp("shapes")
    colmap_of_shapes(folder)
    found = load_photographs(folder)
    moved = found.points + np.random.default_rng(0).normal(0, 0.02, found.points.shape)
    return replace(found, points=moved, colors=np.full_like(found.colors, 128))


def same(a: Scene, b: Scene) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("means", "quats", "log_scales", "opacity_logits", "sh"))


def test_ssim():
    rng = np.random.default_rng(0)
    a = rng.random((31, 24, 3))
    b = (a + rng.normal(0, 0.1, a.shape)).clip(0, 1)
    assert float(ssim(torch.tensor(a), torch.tensor(b))) == pytest.approx(metrics.ssim(a, b), abs=1e-12)
    x, y = (torch.tensor(v[:13, :14, :2]) for v in (a, b))
    assert torch.autograd.gradcheck(lambda v: ssim(v, y), (x.requires_grad_(),))
    assert float(ssim(y, y)) == pytest.approx(1)
    assert float(photometric(y + 0.25, y, 0.0)) == pytest.approx(0.25)
    assert float(photometric(y, y, 0.2)) == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="11 px"):
        ssim(x[:10], y[:10])


def test_schedule():
    assert Schedule.of(30_000) == Schedule(30_000, 500, 15_000, 100, 3000, 1000)
    assert Schedule.of(15_000) == Schedule(15_000, 250, 7500, 50, 1500, 500)
    short = Schedule.of(600)
    assert (short.refine_stop, short.refine_every, short.reset_every, short.degree_every) == (300, 25, 0, 20)
    assert [i for i in range(600) if short.refines(i)] == list(range(25, 300, 25))
    assert not any(short.resets(i) for i in range(600))
    assert [i for i in range(15_000) if Schedule.of(15_000).resets(i)] == [1500, 3000, 4500, 6000]


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"minutes": -1.0}, {"sh_degree": 4}, {"rates": 0.0}, {"max_splats": 0}])
def test_options_out_of_range(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        SplattingOptions(**wrong)


def test_it_learns(shapes):
    seen: list[Status] = []
    trainer = SplatTrainer(shapes, replace(SHORT, iterations=200), "cpu")
    before = score(trainer.scene(), shapes.test, shapes.background, "cpu")
    scene = trainer.train(seen.append)
    after = score(scene, shapes.test, shapes.background, "cpu")
    assert trainer.done
    assert [s.iteration for s in seen] == list(range(1, 201))
    assert seen[-1].loss < 0.7 * seen[13].loss
    assert after.psnr > before.psnr + 3
    assert after.ssim > before.ssim
    assert after.views == 2
    assert after.psnr_worst == min(after.per_view)
    assert len(scene) > trainer.splats_at_start == len(shapes.points)
    assert seen[-1].sh_degree == scene.sh_degree == 3
    assert np.abs(scene.sh[:, 1:]).max() > 0
    assert math.isfinite(seen[-1].psnr)


def test_a_run_that_goes_on_ends_alike(shapes, tmp_path):
    unbroken = SplatTrainer(shapes, SHORT, "cpu").train()
    for broken_at in (0, 25, 26, 61):  # before, at and after a densification
        first = SplatTrainer(shapes, SHORT, "cpu")
        torch.manual_seed(broken_at)  # whoever else uses torch's generator must not matter
        first.train(stop=lambda at=broken_at, t=first: t.iteration >= at)
        assert first.iteration == broken_at
        assert not first.done
        write_checkpoint(tmp_path / "checkpoint", "train", first.state())
        second = SplatTrainer(shapes, SHORT, "cpu")
        second.load(read_checkpoint(tmp_path / "checkpoint", "train"))
        assert same(second.train(), unbroken)
    assert not same(SplatTrainer(shapes, replace(SHORT, seed=1), "cpu").train(), unbroken)


def test_what_cannot_go_on(shapes, tmp_path):
    trainer = SplatTrainer(shapes, SHORT, "cpu")
    state = trainer.state()
    with pytest.raises(InputError, match="sh_degree 1 in place of 3"):
        SplatTrainer(shapes, replace(SHORT, sh_degree=1), "cpu").load(state)
    with pytest.raises(InputError, match="the photographs, cameras and points"):
        SplatTrainer(replace(shapes, train=shapes.train[1:]), SHORT, "cpu").load(state)
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(tmp_path / "none", "train")
    (tmp_path / "bad").write_bytes(b"PK\x03\x04 no checkpoint")
    with pytest.raises(Corrupt):
        read_checkpoint(tmp_path / "bad", "train")
    write_checkpoint(tmp_path / "other", "train", {"something": 1})
    with pytest.raises(Corrupt):
        read_checkpoint(tmp_path / "other", "train")
    write_checkpoint(tmp_path / "foreign", "refine", {"iteration": 1})
    with pytest.raises(InputError, match="unfinished run of train, found one of refine"):
        read_checkpoint(tmp_path / "foreign", "train")


def test_no_more_splats_than_asked(shapes):
    count = len(shapes.points)
    assert len(SplatTrainer(shapes, replace(SHORT, max_splats=count + 7), "cpu").train()) <= count + 7
    assert len(SplatTrainer(shapes, replace(SHORT, max_splats=100, iterations=5), "cpu").train()) <= 100


def test_a_run_that_diverges_keeps_what_was_good(shapes):
    trainer = SplatTrainer(shapes, replace(SHORT, iterations=1000), "cpu")
    trainer.train(stop=lambda: trainer.iteration >= 101)
    with torch.no_grad():
        trainer.params["scales"][3] = math.nan
    with pytest.raises(Diverged, match=r"scales.*not finite.*--rates") as stopped:
        trainer.train()
    assert stopped.value.iteration == 100
    assert stopped.value.scene.finite().all()
    trainer = SplatTrainer(shapes, SHORT, "cpu")
    trainer.train(stop=lambda: trainer.iteration >= 20)
    trainer._behind.fill_(50.0)  # what the photographs are not
    with pytest.raises(Diverged, match="loss has grown") as stopped:
        trainer.train()
    assert len(stopped.value.scene) == len(shapes.points)


def test_minutes(shapes):
    trainer = SplatTrainer(shapes, SplattingOptions(minutes=0.02), "cpu")
    trainer.train()
    assert trainer.done
    assert 0 < trainer.iteration <= trainer.schedule.iterations
    assert trainer.seconds < 2.4


def test_made_up_points_to_start_from(shapes):
    trainer = SplatTrainer(replace(shapes, points=shapes.points[:0]), replace(SHORT, points=400, sh_degree=0), "cpu")
    assert trainer.splats_at_start == 400
    scene = trainer.train(stop=lambda: trainer.iteration >= 30)
    assert scene.sh_degree == 0
    assert trainer.status().psnr > 12


def test_opacities_are_reset(shapes, monkeypatch):
    monkeypatch.setattr("gscompress.train.splatting_options.SHORTEST_RESET", 1)
    trainer = SplatTrainer(shapes, replace(SHORT, iterations=300), "cpu")
    assert trainer.schedule.reset_every == 30
    trainer.train(stop=lambda: trainer.iteration == 31)
    assert 1 / (1 + np.exp(-trainer.scene().opacity_logits.max())) == pytest.approx(0.01, rel=1e-4)


def test_without_gsplat(monkeypatch):
    monkeypatch.setitem(sys.modules, "gsplat.strategy", None)
    monkeypatch.delitem(sys.modules, "gscompress.train.splatting")
    with pytest.raises(MissingExtra, match=r"densification needs gsplat.*gscompress\[train\]"):
        importlib.import_module("gscompress.train.splatting")


def test_the_process_is_settled_as_its_user_wants(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    settle_process()
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    settle_process()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_log(tmp_path: Path):
    path = tmp_path / "log.csv"
    with CsvLog(path, ("iteration", "loss")) as log:
        for i in range(1, 5):
            log.write(i, i / 3)
    with CsvLog(path, ("iteration", "loss"), after=2) as log:
        log.write(3, 7.0)
    assert path.read_text() == "iteration,loss\n1,0.333333\n2,0.666667\n3,7\n"


@pytest.mark.cuda
def test_on_a_gpu(shapes):
    trainer = SplatTrainer(shapes, replace(SHORT, iterations=200), "cuda")
    before = score(trainer.scene(), shapes.test, shapes.background, "cpu")
    assert score(trainer.train(), shapes.test, shapes.background, "cpu").psnr > before.psnr + 3
