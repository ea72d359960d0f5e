"""Which scenes a folder holds, where their models are, and what is missing."""

from __future__ import annotations

import pytest
from photographs_for_tests import SHAPES

from gscompress.errors import InputError
from gscompress.evaluate.batch.datasets import Wanted, find_scenes, ignored, missing_of, own_split
from gscompress.evaluate.batch.protocols import protocol

from .batch_for_tests import photographed, with_model

pytest.importorskip("PIL.Image")
POINTS = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n"
INRIA, GSPLAT = protocol("inria"), protocol("gsplat")


def test_mipnerf360(tmp_path):
    photographed(tmp_path / "bonsai")
    photographed(tmp_path / "garden", small=4)
    models = tmp_path / "models"
    newest = with_model(models, "garden")
    older = models / "garden" / "point_cloud" / "iteration_7000" / "point_cloud.ply"
    older.parent.mkdir()
    older.write_bytes(b"")
    garden, bonsai = find_scenes(Wanted("mipnerf360", tmp_path, models), INRIA)
    assert (garden.name, garden.images, garden.downscale, garden.model) == ("garden", "images_4", 1, newest)
    assert (bonsai.name, bonsai.images, bonsai.downscale, bonsai.model) == ("bonsai", "images_2", 1, None)
    assert missing_of(garden, 8) == missing_of(bonsai, 8) == []
    garden, bonsai = find_scenes(Wanted("mipnerf360", tmp_path), GSPLAT)
    assert (garden.images, garden.downscale, garden.resample) == ("images", 4, "bicubic")
    (chosen,) = find_scenes(Wanted("mipnerf360", tmp_path, scenes=("bonsai",), images="images", downscale=3), INRIA)
    assert (chosen.images, chosen.downscale, chosen.resample) == ("images", 3, "mean")


def test_what_is_missing(tmp_path):
    photographed(tmp_path / "bonsai")
    (tmp_path / "bonsai" / "images_2" / "003.png").unlink()
    (tmp_path / "bonsai" / "images_2" / "008.png").unlink()
    bonsai, room = find_scenes(Wanted("mipnerf360", tmp_path, scenes=("bonsai", "room")), INRIA)
    (lost,) = missing_of(bonsai, 8)
    assert "2 of 16 photographs" in lost
    assert "003.png" in lost
    (absent,) = missing_of(room, 8)
    assert "room" in absent
    (tmp_path / "bonsai" / "images_2").rename(tmp_path / "bonsai" / "elsewhere")
    (folder,) = missing_of(bonsai, 8)
    assert "images_2" in folder


def test_any_folder(tmp_path):
    photographed(tmp_path / "photographed")
    (tmp_path / "photographed.ply").write_bytes(SHAPES.read_bytes())
    (tmp_path / "alone.ply").write_bytes(SHAPES.read_bytes())
    (tmp_path / "notes").mkdir()
    with_model(tmp_path, "inria")
    (tmp_path / "inria" / "cameras.json").write_text("[]")
    inria, seen, alone = find_scenes(Wanted("folder", tmp_path), INRIA)
    assert (inria.name, inria.photographs, inria.cameras) == ("inria", None, tmp_path / "inria" / "cameras.json")
    assert (seen.name, seen.model) == ("photographed", tmp_path / "photographed.ply")
    assert seen.photographs is not None
    assert (alone.name, alone.photographs, alone.model, alone.cameras) == ("alone", None, tmp_path / "alone.ply", None)
    assert all(missing_of(scene, 8) == [] for scene in (inria, seen, alone))
    (whole,) = find_scenes(Wanted("folder", tmp_path / "photographed"), INRIA)
    assert (whole.name, whole.photographs) == ("photographed", tmp_path / "photographed")


def test_a_folder_of_models_is_no_scene(tmp_path):
    photographed(tmp_path / "photographed")
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "photographed.ply").write_bytes(SHAPES.read_bytes())
    (found,) = find_scenes(Wanted("folder", tmp_path, tmp_path / "trained"), INRIA)
    assert found.model == tmp_path / "trained" / "photographed.ply"


def test_a_scene_with_its_model_in_its_own_folder(tmp_path):
    photographed(tmp_path / "room")
    model = tmp_path / "room" / "point_cloud" / "iteration_30000" / "point_cloud.ply"
    model.parent.mkdir(parents=True)
    model.write_bytes(SHAPES.read_bytes())
    (tmp_path / "room" / "input.ply").write_bytes(POINTS)
    for data in (tmp_path, tmp_path / "room"):
        (room,) = find_scenes(Wanted("folder", data), INRIA)
        assert (room.name, room.model) == ("room", model)


@pytest.mark.parametrize("name", ["input.ply", "points3d.ply", "sparse_pc.ply", "room.ply"])
def test_points_are_no_trained_scene(tmp_path, name):
    photographed(tmp_path / "room")
    (tmp_path / "room" / name).write_bytes(POINTS)
    (tmp_path / name).write_bytes(POINTS)
    (room,) = find_scenes(Wanted("folder", tmp_path), INRIA)
    assert (room.name, room.model) == ("room", None)
    assert ignored(Wanted("folder", tmp_path)) == [f"{name}: ignored: points, not a trained scene"]
    (tmp_path / "room" / name).write_bytes(SHAPES.read_bytes())
    (room,) = find_scenes(Wanted("folder", tmp_path), INRIA)
    assert room.model == tmp_path / "room" / name


def test_what_is_no_scene_is_named(tmp_path):
    photographed(tmp_path / "room")
    (tmp_path / "empty").mkdir()
    (tmp_path / "several").mkdir()
    for name in ("one", "two"):
        (tmp_path / "several" / f"{name}.ply").write_bytes(SHAPES.read_bytes())
    empty, several = ignored(Wanted("folder", tmp_path))
    assert empty.startswith("empty: ignored: neither")
    assert several.startswith("several: ignored: 2 .ply files without photographs")
    assert [s.name for s in find_scenes(Wanted("folder", tmp_path / "several"), INRIA)] == ["one", "two"]
    (tmp_path / "room" / "sparse").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"found none; elsewhere: ignored.*room: ignored: neither sparse/0"):
        find_scenes(Wanted("folder", tmp_path), INRIA)


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_model_that_is_none(tmp_path, content):
    (tmp_path / "alone.ply").write_bytes(content)
    (alone,) = find_scenes(Wanted("folder", tmp_path), INRIA)
    (lacks,) = missing_of(alone, 8)
    assert "a trained scene that can be read" in lacks
    assert "alone.ply" in lacks


def test_a_split_of_its_own(tmp_path):
    (tmp_path / "lego").mkdir()
    (tmp_path / "lego" / "transforms_train.json").write_text("{}")
    (lego,) = find_scenes(Wanted("folder", tmp_path), INRIA)
    assert not own_split(lego)
    (tmp_path / "lego" / "transforms_test.json").write_text("{}")
    assert own_split(lego)
    photographed(tmp_path / "room")
    (tmp_path / "room" / "transforms_train.json").write_text("{}")
    (tmp_path / "room" / "transforms_test.json").write_text("{}")
    assert not own_split(find_scenes(Wanted("folder", tmp_path), INRIA)[1])


def test_refused(tmp_path):
    for kind in ("mipnerf360", "folder"):
        with pytest.raises(InputError, match="found none"):
            find_scenes(Wanted(kind, tmp_path), INRIA)
    with pytest.raises(InputError, match="expected a folder"):
        find_scenes(Wanted("folder", tmp_path / "none"), INRIA)
    with pytest.raises(InputError, match="models"):
        find_scenes(Wanted("folder", tmp_path, tmp_path / "none"), INRIA)
    with pytest.raises(InputError, match="bicycle"):
        find_scenes(Wanted("mipnerf360", tmp_path, scenes=("lego",)), INRIA)
    for name in ("../elsewhere", "..", ".", "", "a/b", "/tmp"):
        with pytest.raises(InputError, match="scenes"):
            find_scenes(Wanted("folder", tmp_path, scenes=(name,)), INRIA)
    (nothing,) = find_scenes(Wanted("folder", tmp_path, scenes=("lego",)), INRIA)
    assert missing_of(nothing, 8) == ["neither photographs nor a trained .ply"]
