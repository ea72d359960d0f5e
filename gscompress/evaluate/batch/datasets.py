"""Which scenes a folder holds, and what each lacks.

    eval mipnerf360   DATA/<scene>: COLMAP folders with the photographs in images_2 or images_4
    eval folder       COLMAP folders, folders with a transforms.json, and .ply files, in DATA or one level below

A trained scene is looked for under --models, then in DATA, by the scene's name: `<scene>.ply`, `<scene>/point_cloud/iteration_N/point_cloud.ply`
with the largest N as INRIA's trainer writes, `<scene>/point_cloud.ply`, or the only .ply in `<scene>`. Points to start training from (input.ply,
points3d.ply, sparse_pc.ply) are no trained scenes: their headers know no opacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import GSCompressError, InputError
from ...io.colmap import model_folder
from ...io.common import is_file
from ...io.detect import HEAD_BYTES, detect
from ...train.photographs import Source, survey
from .protocols import FACTOR, MIPNERF360, Protocol

KINDS = ("mipnerf360", "folder")
TRANSFORMS = ("transforms_train.json", "transforms.json")
TEST_TRANSFORMS = "transforms_test.json"
HEADER_BYTES = 1 << 14
"""Within which a .ply of points has the end of its header."""
FEWEST_TEST_VIEWS = 1


@dataclass(frozen=True)
class SceneData:
    """A scene of a batch.

    Attributes:
        name: unique in the batch.
        photographs: a COLMAP folder or one with a transforms.json; None where there is only a trained scene.
        model: the trained `.ply`; None to train one.
        cameras: a camera file that came with the model, for scenes without photographs; None to make views up.
        images: folder of the photographs, None for the default of `load_photographs`.
        downscale: factor, None for none but what fits `largest_side`.
        resample: as for `load_photographs`.
    """

    name: str
    photographs: Path | None
    model: Path | None
    cameras: Path | None = None
    images: str | None = None
    downscale: int | None = None
    resample: str = "mean"


@dataclass(frozen=True)
class Wanted:
    """What the user asked for: `scenes` empty for all there are; `images` and `downscale` None for the protocol's."""

    kind: str
    data: Path
    models: Path | None = None
    scenes: tuple[str, ...] = ()
    images: str | None = None
    downscale: int | None = None


def find_scenes(wanted: Wanted, protocol: Protocol) -> list[SceneData]:
    """The scenes, in order; those asked for by name are there even if nothing is found under that name.

    Raises:
        InputError: no such folder, or no scene in it.
    """
    if wanted.kind not in KINDS:
        raise InputError(f"kind: expected {' or '.join(KINDS)}, found {wanted.kind!r}")
    for folder, what in ((wanted.data, "the data"), (wanted.models, "--models")):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{what}: expected a folder, found none at {folder}")
    names = wanted.scenes or tuple(_present(wanted))
    if not names:
        what = f"some of {', '.join(MIPNERF360)}" if wanted.kind == "mipnerf360" else "COLMAP folders, transforms.json or .ply files"
        raise InputError(f"{wanted.data}: expected {what}, found none" + "".join(f"; {line}" for line in ignored(wanted)))
    return [_scene(name, wanted, protocol) for name in dict.fromkeys(names)]


def own_split(scene: SceneData) -> bool:
    """Whether the data say which views are for testing."""
    folder = scene.photographs
    if folder is None or model_folder(folder) is not None:
        return False
    return all((folder / name).is_file() for name in (TRANSFORMS[0], TEST_TRANSFORMS))


def ignored(wanted: Wanted) -> list[str]:
    """Sentences on what is in a folder of any layout and is no scene; nothing of what a file system or a tool left there."""
    if wanted.kind != "folder" or wanted.scenes or not wanted.data.is_dir() or _has_photographs(wanted.data):
        return []
    out = [f"{path.name}: ignored: points, not a trained scene" for path in _plys(wanted.data, trained=False)]
    for folder in _folders(wanted):
        if _has_photographs(folder) or _model_in(folder):
            continue
        count = len(_plys(folder))
        if count:
            out.append(f"{folder.name}: ignored: {count} .ply files without photographs; 'gscompress eval folder {folder}' takes each for a scene")
        elif not folder.name.startswith(".") and not (folder / "eval.json").exists():  # results of ours
            out.append(f"{folder.name}: ignored: neither sparse/0 of COLMAP nor {' nor '.join(TRANSFORMS)} nor a trained .ply in it")
    return out


def missing_of(scene: SceneData, test_every: int) -> list[str]:
    """Sentences on what the scene lacks for a run; empty if nothing. Reads no pixels, and of a trained scene its first bytes."""
    unsound = [] if scene.model is None else _unsound(scene.model)
    if unsound or (scene.photographs is None and scene.model):
        return unsound
    if scene.photographs is None:
        return ["neither photographs nor a trained .ply"]
    try:
        sources, _ = survey(scene.photographs, images=scene.images, test_every=test_every)
    except GSCompressError as error:
        return [str(error)]
    lost = [s.path for s in sources if not is_file(s.path)]
    out = []
    if lost:
        out.append(f"{len(lost)} of {len(sources)} photographs, the first being {lost[0]}")
    if sum(s.test for s in sources) < FEWEST_TEST_VIEWS:
        out.append("photographs for testing")
    return out


def _unsound(model: Path) -> list[str]:
    try:
        with model.open("rb") as file:
            detect(file.read(HEAD_BYTES), model)
    except GSCompressError as error:
        return [f"a trained scene that can be read: {error}"]
    except OSError as error:
        return [f"a trained scene that can be read: {model}: {error.strerror or error}"]
    return []


def photographs_of(scene: SceneData, test_every: int) -> list[Source]:
    """What the scene's camera file says of its photographs; empty without."""
    if scene.photographs is None:
        return []
    return survey(scene.photographs, images=scene.images, test_every=test_every).sources


def _present(wanted: Wanted) -> list[str]:
    if wanted.kind == "mipnerf360":
        return [name for name in MIPNERF360 if (wanted.data / name).is_dir()]
    if _has_photographs(wanted.data):
        return [wanted.data.resolve().name]
    names = [path.name for path in _folders(wanted) if _has_photographs(path) or _model_in(path)]
    return names + [path.stem for path in _plys(wanted.data) if path.stem not in names]


def _folders(wanted: Wanted) -> list[Path]:
    apart = wanted.models and wanted.models.resolve()
    return [path for path in sorted(wanted.data.iterdir()) if path.is_dir() and path.resolve() != apart]


def _scene(name: str, wanted: Wanted, protocol: Protocol) -> SceneData:
    if wanted.kind == "mipnerf360" and name not in MIPNERF360:
        raise InputError(f"--scenes: expected some of {', '.join(MIPNERF360)}, found {name!r}")
    if Path(name).name != name or name in ("", ".."):
        raise InputError(f"--scenes: expected names of folders or .ply files in {wanted.data}, found {name!r}")
    whole = wanted.data.resolve().name == name and _has_photographs(wanted.data)
    folder = wanted.data if whole else wanted.data / name
    model = next((m for root in (wanted.models, wanted.data) if root and (m := _model(root, name))), None) or (_model_in(folder) if whole else None)
    photographs = folder if _has_photographs(folder) or wanted.kind == "mipnerf360" else None
    images, downscale, resample = wanted.images, wanted.downscale, "mean"
    if wanted.kind == "mipnerf360" and images is None and downscale is None:
        factor = FACTOR[name]
        images, downscale = ("images", factor) if protocol.own_copies else (f"images_{factor}", 1)
    if protocol.own_copies:
        resample = "bicubic"
    cameras = _camera_file(model) if model and photographs is None else None
    return SceneData(name, photographs, model, cameras, images, downscale, resample)


def _has_photographs(folder: Path) -> bool:
    return folder.is_dir() and (model_folder(folder) is not None or any((folder / name).is_file() for name in TRANSFORMS))


def _model(root: Path, name: str) -> Path | None:
    plain = root / f"{name}.ply"
    return plain if plain.is_file() and not _is_points(plain) else _model_in(root / name)


def _model_in(folder: Path) -> Path | None:
    inria = sorted(folder.glob("point_cloud/iteration_*/point_cloud.ply"), key=_iteration)
    if inria:
        return inria[-1]
    if (folder / "point_cloud.ply").is_file():
        return folder / "point_cloud.ply"
    found = _plys(folder) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def _plys(folder: Path, trained: bool = True) -> list[Path]:
    return [path for path in sorted(folder.glob("*.ply")) if path.is_file() and _is_points(path) != trained]


def _is_points(path: Path) -> bool:
    """Whether a .ply is sound as far as its header goes, and of points alone; what is not sound is for the reader of scenes to say."""
    try:
        with path.open("rb") as file:
            header, end, _ = file.read(HEADER_BYTES).partition(b"end_header")
    except OSError:
        return False
    return header.startswith(b"ply") and bool(end) and b"opacity" not in header and b"packed_" not in header


def _iteration(path: Path) -> int:
    number = path.parent.name.rpartition("_")[2]
    return int(number) if number.isdigit() else -1


def _camera_file(model: Path) -> Path | None:
    places: Sequence[Path] = (model.with_name(f"{model.stem}.cameras.json"), model.with_name("cameras.json"), model.parents[2 if len(model.parents) > 2 else 0] / "cameras.json")
    near = places if model.parent.name.startswith("iteration_") else places[:2]
    return next((path for path in near if path.is_file()), None)
