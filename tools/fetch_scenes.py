"""Gets Mip-NeRF360 and the scenes trained on it, laid out as `gscompress eval mipnerf360` expects.

    python tools/fetch_scenes.py 360_v2                              nine scenes, 17 GB
    python tools/fetch_scenes.py 360_v2 --scenes garden,bonsai --models --small
    python tools/fetch_scenes.py 360_v2 --check                      what is missing, without the network
    python tools/fetch_scenes.py --list                              URLs, sizes, checksums, licences

Only the files of the scenes that are asked for are fetched, out of the archives where they lie (fetch_scenes.json), and every one is
checked; what is there already is left alone, so that an interrupted run goes on. Where the network is elsewhere, download the archives
by hand and say --archives FOLDER. Makes DIR/<scene>/images, images_2, images_4, images_8 and sparse/0, and with --models
DIR/models/<scene>/point_cloud/iteration_30000/point_cloud.ply, for `--models DIR/models`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from remote_zip import WINDOW, RemoteFile
from tqdm import tqdm

MANIFEST = json.loads(Path(__file__).with_suffix(".json").read_bytes())
OUTDOOR = ("bicycle", "flowers", "garden", "stump", "treehill")
FOLDERS = ("images", "images_2", "images_4", "images_8")
SPARSE = ("cameras.bin", "images.bin", "points3D.bin")
MODELS = "models.zip"
MODEL = "point_cloud/iteration_30000/point_cloud.ply"
END_RECORD = 22
"""Bytes of what a zip archive ends with."""
SPARE = 1 << 28
"""Bytes that stay free on the disk."""


class FetchError(Exception):
    """What cannot be fetched, in one sentence."""


def small_folder(scene: str) -> str:
    """The folder of photographs that the protocols of INRIA and nerfbaselines use."""
    return "images_4" if scene in OUTDOOR else "images_2"


def missing(root: Path, scene: str, small: bool, models: bool) -> list[str]:
    """Sentences on what a scene's folder lacks."""
    folder, known, out = root / scene, MANIFEST["scenes"][scene], []
    for name in (small_folder(scene),) if small else FOLDERS:
        found = len([p for p in (folder / name).iterdir() if p.is_file() and p.suffix != ".part"]) if (folder / name).is_dir() else 0
        if found != known["photographs"]:
            out.append(f"{name}: expected {known['photographs']} photographs, found {found}")
    lost = [name for name in SPARSE if not (folder / "sparse" / "0" / name).is_file()]
    if lost:
        out.append(f"sparse/0: expected {', '.join(SPARSE)}, found {', '.join(lost)} missing")
    if models:
        path, size = root / "models" / scene / MODEL, known["model_bytes"]
        if not path.is_file() or size not in (None, path.stat().st_size):
            out.append(f"models/{scene}/{MODEL}: expected {'a file' if size is None else f'{size:,} bytes'}, found {path.stat().st_size if path.is_file() else 'none'}")
    return out


def fetch(root: Path, scenes: list[str], small: bool, models: bool, archives: Path | None, progress: Callable[[int], object]) -> None:
    """Fetches what the scenes lack.

    Raises:
        FetchError: an archive or a file in it is not what it should be, or the disk is too small.
        OSError: the network or the disk fails.
    """
    by_archive: dict[str, list[str]] = {}
    for scene in scenes:
        if missing(root, scene, small, False):
            by_archive.setdefault(MANIFEST["scenes"][scene]["archive"], []).append(scene)
    if models and (lacking := [s for s in scenes if any(m.startswith("models/") for m in missing(root, s, small, True))]):
        by_archive[MODELS] = lacking
    for name, wanted in by_archive.items():
        with opened(name, archives, progress) as archive:
            members = [(m, target) for m in archive.infolist() if (target := _target(m, name, wanted, small, root))]
            for scene in wanted:
                if not any(PurePosixPath(m.filename).parts[0] == scene for m, _ in members):
                    raise FetchError(f"{name}: expected the scene {scene} in it, found none")
            todo = [(m, target) for m, target in members if not _there(m, target)]
            needed, free = sum(m.file_size for m, _ in todo) + SPARE, shutil.disk_usage(_existing(root)).free
            if needed > free:
                raise FetchError(f"{root}: expected {needed:,} bytes of room for {', '.join(wanted)}, found {free:,}")
            for member, target in sorted(todo, key=lambda t: t[0].header_offset):
                _extract(archive, member, target)
        if name == MODELS:
            for scene in wanted:
                _check_model(root / "models" / scene / MODEL, scene)


@contextmanager
def opened(name: str, archives: Path | None, progress: Callable[[int], object]) -> Iterator[zipfile.ZipFile]:
    """An archive, where it lies or in a folder of downloaded ones."""
    known = MANIFEST["archives"][name]
    if archives is not None and not (archives / name).is_file():
        raise FetchError(f"--archives: expected {name}, found none in {archives}")
    file = io.BufferedReader(RemoteFile(known["url"], known["size_bytes"], progress), WINDOW) if archives is None else (archives / name).open("rb")
    with file:
        file.seek(-min(file.seek(0, io.SEEK_END), END_RECORD), io.SEEK_END)
        file.read(END_RECORD)  # a network that fails says so here: zipfile would take it for a file that is no archive
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise FetchError(f"{name}: expected a sound zip archive, found {error}") from error


def _target(member: zipfile.ZipInfo, archive: str, scenes: list[str], small: bool, root: Path) -> Path | None:
    """Where a file of the archive goes; None for what is not wanted, which anything with odd parts in its path is."""
    parts = PurePosixPath(member.filename).parts
    if member.is_dir() or not parts or parts[0] not in scenes or any(p in ("..", "/") or "\\" in p or ":" in p for p in parts):
        return None
    if archive == MODELS:
        return root / "models" / parts[0] / MODEL if "/".join(parts[1:]) == MODEL else None
    folders = (small_folder(parts[0]),) if small else FOLDERS
    photograph, sparse = len(parts) == 3 and parts[1] in folders, len(parts) == 4 and parts[1:3] == ("sparse", "0") and parts[3] in SPARSE
    return root.joinpath(*parts) if photograph or sparse else None


def _there(member: zipfile.ZipInfo, target: Path) -> bool:
    """Whether the file is there, by its size: it got its name once it was checked."""
    return target.is_file() and target.stat().st_size == member.file_size


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Writes a file under another name, checks its CRC-32 (zipfile does), and renames it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with archive.open(member) as given, part.open("wb") as made:
            shutil.copyfileobj(given, made, 1 << 20)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _check_model(path: Path, scene: str) -> None:
    expected = MANIFEST["scenes"][scene]["model_md5"]
    if expected is None:
        return
    with path.open("rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise FetchError(f"{path}: expected MD5 {expected}, found {digest.hexdigest()}; the archive may hold another model now")


def _existing(path: Path) -> Path:
    """The nearest folder on the path that is there."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


def listing() -> str:
    """URLs, sizes, checksums and licences."""
    lines = [MANIFEST["about"], ""]
    for name, known in MANIFEST["archives"].items():
        lines += [f"{name}: {known['size_bytes'] / 1e9:.1f} GB, MD5 {known['md5'] or 'unknown'}, {known['url']}", f"  {known['page']}; licence: {known['licence']}"]
    lines += ["", "scene     photographs  protocols use  model bytes    model MD5"]
    for scene, known in MANIFEST["scenes"].items():
        size = f"{known['model_bytes']:,}" if known["model_bytes"] else "unknown"
        lines.append(f"{scene:<9} {known['photographs']:>11}  {small_folder(scene):<13}  {size:<13}  {known['model_md5'] or 'unknown'}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code: 0 done, 1 something is missing (--check), 2 an error, 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR")
    parser.add_argument("--scenes", metavar="A,B", help="only these (default: all nine)")
    parser.add_argument("--models", action="store_true", help="the trained scenes too")
    parser.add_argument("--small", action="store_true", help="of the photographs only the folder that most protocols use (gsplat's wants images)")
    parser.add_argument("--archives", type=Path, metavar="FOLDER", help="of archives that were downloaded by hand")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--list", action="store_true", help="say where everything comes from")
    args = parser.parse_args(argv)
    if args.list:
        print(listing())
        return 0
    try:
        if args.folder is None:
            raise FetchError("DIR: expected a folder to fetch to, found nothing")
        scenes = list(dict.fromkeys(args.scenes.split(","))) if args.scenes else list(MANIFEST["scenes"])
        for scene in scenes:
            if scene not in MANIFEST["scenes"]:
                raise FetchError(f"--scenes: expected some of {', '.join(MANIFEST['scenes'])}, found {scene!r}")
        if not args.check:
            with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty(), desc="fetched") as bar:
                fetch(args.folder, scenes, args.small, args.models, args.archives, bar.update)
        lacking = {scene: found for scene in scenes if (found := missing(args.folder, scene, args.small, args.models))}
    except (FetchError, OSError) as error:
        print(f"fetch_scenes: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fetch_scenes: interrupted; the same command goes on", file=sys.stderr)
        return 130
    for scene in scenes:
        print(f"{scene:<9} {'; '.join(lacking.get(scene, ['complete']))}")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
