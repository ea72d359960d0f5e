"""PlayCanvas' splat-transform, a program for Node, which writes SOG, SPZ (by the reference library) and compressed.ply.

Its SOG of harmonics takes minutes for tens of thousands of splats without a GPU. Files are read back by this package, for all peers alike.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ... import io
from ...errors import GSCompressError
from ...scene import Scene
from .base import Asked, Point, Source
from .peer_input import peer_errors, ply_of
from .usage import run_tool

VARIABLE = "GSCOMPRESS_SPLAT_TRANSFORM"
"""Environment variable with the command, if it is not on the path: for example "node /opt/splat-transform/bin/cli.mjs"."""
OLDEST = 3
"""Major version. Node below 22 quietly gets version 2, which writes other files."""
INSTALL = f"npm install -g @playcanvas/splat-transform@{OLDEST}, with Node 22 or newer, or name it in {VARIABLE}"
START_SECONDS = 60


@lru_cache(maxsize=4)
def _found(asked: str) -> tuple[tuple[str, ...], str]:
    """The command and its version, or (), and why it cannot be used."""
    try:
        command = tuple(shlex.split(asked)) or (shutil.which("splat-transform") or "",)
    except ValueError as error:  # quotes that do not end
        return (), f"{VARIABLE}: expected a command, found {asked} ({error}): {INSTALL}"
    if not command[0]:
        return (), INSTALL
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=START_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return (), f"{command[0]} cannot be started ({getattr(error, 'strerror', None) or error}): {INSTALL}"
    version = re.search(r"v?(\d+)\.(\d+)\.(\d+)", done.stdout + done.stderr)
    if done.returncode or version is None:
        return (), f"{command[0]} --version ended with {done.returncode} and named no version: {INSTALL}"
    if int(version[1]) < OLDEST:
        return (), f"expected version {OLDEST} or newer, found {version[0]}: {INSTALL}"
    return command, version[0].removeprefix("v")


@dataclass(frozen=True)
class SplatTransform:
    """One of its formats, with the options that it takes."""

    name: str
    label: str
    suffix: str
    options: tuple[str, ...] = ()

    def missing(self) -> str | None:
        command, said = _found(os.environ.get(VARIABLE, ""))
        return None if command else said

    def tool(self) -> str:
        return f"splat-transform {_found(os.environ.get(VARIABLE, ''))[1]}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(options={"arguments": " ".join(self.options)} if self.options else {}),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        command, said = _found(os.environ.get(VARIABLE, ""))
        if not command:
            raise GSCompressError(f"splat-transform: {said}")
        with peer_errors(self.name, path), ply_of(source.scene, path) as ply:
            run_tool([*command, "-w", "-q", *self.options, ply, path])

    def decode(self, path: Path) -> Scene:
        return io.read(path).scene
