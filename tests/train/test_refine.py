"""The whole refinement: targets, the closed form where it is better, Ctrl-C, a run that was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_for_tests import PLAN, cameras, teacher  # noqa: E402

import gscompress  # noqa: E402
from gscompress import codec  # noqa: E402
from gscompress.config import RefineOptions  # noqa: E402
from gscompress.errors import Corrupt, InputError  # noqa: E402
from gscompress.evaluate import compare_scenes  # noqa: E402
from gscompress.render import render_view  # noqa: E402
from gscompress.train import refine  # noqa: E402
from gscompress.train.photographs import Photograph, Photographs  # noqa: E402
from gscompress.train.refine import refine_scene  # noqa: E402
from gscompress.train.score import score  # noqa: E402


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refine, "plan", lambda effort, splats: PLAN)


def test_lambda_trades_size_for_quality():
    scene = teacher()
    small, large = (refine_scene(scene, RefineOptions(lambda_=value, iterations=60), cameras()) for value in (2e-4, 5e-6))
    assert len(small.data) < len(large.data)
    assert small.psnr < large.psnr
    for made, value in ((small, 2e-4), (large, 5e-6)):
        decoded = gscompress.decompress(made.data)
        assert (made.splats_in, made.splats_out) == (len(scene), len(decoded))
        assert made.psnr == pytest.approx(compare_scenes(scene, decoded, cameras()).psnr, abs=1e-3)
        assert made.lambda_ == pytest.approx(value)
        assert (made.iterations, made.stopped) == (60, None)


def test_targets():
    scene = teacher()
    sized = refine_scene(scene, RefineOptions(target_size=3000, iterations=60), cameras())
    assert 0.97 * 3000 < len(sized.data) <= 3000
    alike = refine_scene(scene, RefineOptions(target_psnr=33, iterations=60), cameras())
    assert 33 <= alike.psnr < 33.5


def test_what_training_can_not_reach_the_closed_form_has_to():
    made = refine_scene(teacher(), RefineOptions(target_psnr=48, iterations=2), cameras())
    assert not made.trained
    assert made.psnr >= 48


def test_a_target_far_out_of_reach_is_refused_before_training(monkeypatch: pytest.MonkeyPatch):
    def trained(stage: str, state: object) -> None:
        pytest.fail("training began")

    def search(*_: object) -> None:
        raise InputError("target_psnr: expected at most 66.0 dB, the best of 9 tries, found 70")

    with pytest.raises(InputError, match=r"target_size: expected .* found 60"):
        refine_scene(teacher(300), RefineOptions(iterations=1000, target_size=60), cameras(), progress=trained)
    monkeypatch.setattr(refine, "search", search)
    with pytest.raises(InputError, match="target_psnr: expected at most 66"):
        refine_scene(teacher(300), RefineOptions(iterations=1000, target_psnr=70), cameras(), progress=trained)


def test_it_is_never_larger_than_the_closed_form():
    scene = teacher()
    made = refine_scene(scene, RefineOptions(lambda_=1e-5, iterations=3), cameras())
    assert not made.trained
    sized = refine_scene(scene, RefineOptions(target_size=8000, iterations=3), cameras())
    assert 0.98 * 8000 < len(sized.data) <= 8000


def test_photographs_count_in_place_of_renders():
    """Darker photographs make a darker file; a target is of them; out of reach is out of reach."""
    scene = teacher(300)
    taken = [Photograph(c, (127 * render_view(scene, c).image.clip(0, 1)).astype(np.uint8)) for c in cameras()]
    photographs = Photographs(tuple(taken), (), np.zeros((0, 3)), np.zeros((0, 3), np.uint8), (0.0, 0.0, 0.0))
    made = refine_scene(scene, RefineOptions(lambda_=2e-5, iterations=150), photographs=photographs)
    assert made.trained
    decoded = gscompress.decompress(made.data)
    assert made.psnr == pytest.approx(score(decoded, taken, (0.0, 0.0, 0.0)).psnr, abs=1e-3)
    assert made.psnr > score(scene, taken, (0.0, 0.0, 0.0)).psnr + 6
    brightness = [np.mean([render_view(s, c).image.mean() for c in cameras()]) for s in (scene, decoded)]
    assert brightness[1] < 0.7 * brightness[0]
    aimed = refine_scene(scene, RefineOptions(target_psnr=made.psnr - 2, iterations=150), photographs=photographs)
    assert 0 <= aimed.psnr - (made.psnr - 2) < 2
    with pytest.raises(InputError, match="the scene itself has"):
        refine_scene(scene, RefineOptions(target_psnr=60, iterations=2), photographs=photographs)


def test_effort_max_trains_where_that_pays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(codec, "plan", lambda effort, splats: PLAN)
    monkeypatch.setattr(codec, "REFINED_IN", 100)
    scene, stages = teacher(), []

    def compressed(effort: str, **aims) -> codec.Compressed:
        return codec.compress_scene(scene, gscompress.CompressOptions(effort=effort, **aims), cameras(), lambda s, share: stages.append(s))

    normal, most = (compressed(effort, quality=8) for effort in ("normal", "max"))
    assert "training" in stages
    assert len(most.data) < len(normal.data)
    assert most.psnr_estimate >= normal.psnr_estimate  # pyright: ignore[reportOperatorIssue]
    assert most.psnr_estimate == pytest.approx(compare_scenes(scene, gscompress.decompress(most.data), cameras()).psnr, abs=1e-3)
    assert most.splats_out == len(gscompress.decompress(most.data))
    sized = compressed("max", quality=None, target_size=3000)
    assert 0.97 * 3000 < len(sized.data) <= 3000
    stages.clear()
    compressed("max", quality=70)  # too good to be beaten so soon
    assert "training" not in stages


@pytest.mark.parametrize("stage", ["training", "rounding", "search"])
def test_effort_max_ends_with_control_c(stage: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(codec, "plan", lambda effort, splats: PLAN)
    monkeypatch.setattr(codec, "REFINED_IN", 10)

    def press(*said: object) -> None:
        if stage in ("search", said[0]):
            raise KeyboardInterrupt

    if stage == "search":
        monkeypatch.setattr(refine, "search", press)
    options = gscompress.CompressOptions(effort="max", quality=8)
    with pytest.raises(KeyboardInterrupt):
        codec.compress_scene(teacher(300), options, cameras(), None if stage == "search" else press)


def test_effort_max_keeps_the_closed_form_where_training_fails(monkeypatch: pytest.MonkeyPatch):
    def failing(*_: object, **__: object) -> None:
        raise InputError("training: expected a finite loss, found none")

    monkeypatch.setattr(codec, "plan", lambda effort, splats: PLAN)
    monkeypatch.setattr(refine, "refine_scene", failing)
    scene = teacher(300)
    normal, most = (codec.compress_scene(scene, gscompress.CompressOptions(effort=e, quality=8), cameras()) for e in ("normal", "max"))
    assert most.splats_out == normal.splats_out
    assert most.psnr_estimate == normal.psnr_estimate


def test_control_c_leaves_a_file():
    scene, calls = teacher(), []

    def press(stage: str, state: object) -> None:
        calls.append(stage)
        if len(calls) == 30:
            raise KeyboardInterrupt

    made = refine_scene(scene, RefineOptions(lambda_=5e-5, iterations=10_000), cameras(), progress=press)
    assert made.stopped == "interrupted"
    assert made.iterations < 40
    assert len(gscompress.decompress(made.data)) == made.splats_out


def test_control_c_while_rounding():
    def press(stage: str, state: object) -> None:
        if stage == "rounding":
            raise KeyboardInterrupt

    made = refine_scene(teacher(), RefineOptions(lambda_=5e-5, iterations=20), cameras(), progress=press)
    assert made.stopped == "interrupted"
    assert len(gscompress.decompress(made.data)) == made.splats_out


def pressed_while_rounding(after: int):
    """Ctrl-C once `after` files have been tried."""

    def press(stage: str, state: refine.State) -> None:
        tried.append(stage == "rounding")
        if sum(tried) == after:
            raise KeyboardInterrupt

    tried: list[bool] = []
    return press


@pytest.mark.parametrize("after", [1, 2])
def test_control_c_while_rounding_keeps_to_the_target(after: int):
    scene = teacher(300)
    for options in (RefineOptions(iterations=20, target_size=900), RefineOptions(iterations=20, target_psnr=36)):
        made = refine_scene(scene, options, cameras(), progress=pressed_while_rounding(after))
        assert after > 1 or made.stopped == "interrupted"
        assert len(made.data) <= (options.target_size or 10**6)
        assert made.psnr >= (options.target_psnr or 0)
        assert len(gscompress.decompress(made.data)) == made.splats_out


def test_control_c_where_no_file_meets_the_target_yet(monkeypatch: pytest.MonkeyPatch):
    """The closed form does."""
    monkeypatch.setattr(refine.Landing, "at_once", lambda landing: None)
    made = refine_scene(teacher(300), RefineOptions(target_psnr=36, iterations=1), cameras(), progress=pressed_while_rounding(1))
    assert (made.trained, made.stopped) == (False, "interrupted")
    assert made.psnr >= 36


def test_control_c_while_the_closed_form_is_looked_for(monkeypatch: pytest.MonkeyPatch):
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(refine, "search", press)
    made = refine_scene(teacher(), RefineOptions(lambda_=5e-5, iterations=20), cameras())
    assert made.stopped == "interrupted"
    assert len(gscompress.decompress(made.data)) == made.splats_out


def test_a_killed_run_goes_on(tmp_path: Path):
    scene, options = teacher(), RefineOptions(lambda_=5e-5, iterations=60)
    whole = refine_scene(scene, options, cameras())
    checkpoint = tmp_path / "state"

    class Killed(BaseException):
        pass

    def kill(stage: str, state: refine.State) -> None:
        if state.share > 0.6:
            raise Killed

    with pytest.raises(Killed):
        refine_scene(scene, options, cameras(), checkpoint=checkpoint, progress=kill)
    assert checkpoint.exists()
    seen = []
    again = refine_scene(scene, options, cameras(), checkpoint=checkpoint, resume=True, progress=lambda stage, s: seen.append(s.share))
    assert seen[0] > 0.5
    assert again.data == whole.data
    assert checkpoint.exists()  # until the caller has the result where it belongs


@pytest.mark.parametrize("change", ["scene", "options", "nonsense"])
def test_a_checkpoint_of_something_else_is_refused(change: str, tmp_path: Path):
    checkpoint, options = tmp_path / "state", RefineOptions(lambda_=5e-5, iterations=30)

    class Killed(BaseException):
        pass

    def kill(stage: str, state: refine.State) -> None:
        raise Killed

    with pytest.raises(Killed):
        refine_scene(teacher(), options, cameras(), checkpoint=checkpoint, progress=kill)
    if change == "nonsense":
        checkpoint.write_bytes(b"something")
    scene = teacher(seed=1) if change == "scene" else teacher()
    options = RefineOptions(lambda_=5e-5, iterations=31) if change == "options" else options
    with pytest.raises((InputError, Corrupt), match="checkpoint"):
        refine_scene(scene, options, cameras(), checkpoint=checkpoint, resume=True)
    assert checkpoint.exists()


def test_time_runs_out(monkeypatch: pytest.MonkeyPatch):
    """Where the pace was guessed wrong."""
    monkeypatch.setattr(refine, "_affordable", lambda *_: 10**6)
    made = refine_scene(teacher(), RefineOptions(lambda_=5e-5, minutes=0.02), cameras())
    assert made.stopped == "out of time"


def test_nothing_can_not_be_refined():
    with pytest.raises(InputError, match="at least one Gaussian"):
        refine_scene(teacher().select(slice(0, 0)), RefineOptions())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("field", "value"), [("means", 1e26), ("sh", 1e5)])
def test_what_no_file_holds(field: str, value: float):
    scene = teacher(30)
    getattr(scene, field)[5, 0] = value
    with pytest.raises(InputError, match=rf"scene\.{field}: expected values within"):
        refine_scene(scene, RefineOptions())


@pytest.mark.parametrize(
    "given",
    [
        {"lambda_": 0}, {"target_size": 0}, {"target_psnr": 5}, {"iterations": 0}, {"minutes": 0}, {"minutes": float("inf")},
        {"minutes": float("nan")}, {"target_size": 9, "target_psnr": 40},
    ],
)  # fmt: skip
def test_options_out_of_range(given: dict):
    with pytest.raises(InputError, match=next(iter(given)).rstrip("_")):
        RefineOptions(**given)
