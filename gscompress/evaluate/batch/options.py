"""What a batch evaluates, and how. The same frozen dataclass serves the Python API and the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...render.images import BACKENDS, Backend
from ..codecs import CODECS
from ..codecs.base import BASELINE, Asked
from .context import LARGEST_SIDE, Settings
from .datasets import KINDS, Wanted
from .protocols import Protocol, protocol

DEFAULT_CODECS = ("gsz", "sog", "spz", "compressed-ply", "zstd")
TOOL_SECONDS = 4 * 3600.0
"""SOG of a million splats was seen to take two hours without a GPU."""
LOCAL_RAY = "local"
"""For `ray`: a cluster of this machine's processors, started for the run."""


@dataclass(frozen=True)
class EvalOptions:
    """A batch.

    Raises:
        InputError: a value out of range, or an unknown name.
    """

    kind: str
    data: Path
    output: Path
    models: Path | None = None
    scenes: tuple[str, ...] = ()
    codecs: tuple[str, ...] = field(default=DEFAULT_CODECS, metadata={"help": f"one of {', '.join(c for c in CODECS if c != BASELINE)}; may be repeated"})
    qualities: tuple[float, ...] = field(default=(), metadata={"help": "operating points of gsz in closed form, 1 to 100"})
    lambdas: tuple[float, ...] = field(default=(), metadata={"help": "operating points of gsz-trained, which gsz then stands for too: by training, against the photographs where there are some"})
    iterations: int = field(default=2000, metadata={"help": "of the training that a lambda means"})
    train_iterations: int = field(default=30_000, metadata={"help": "of plain 3DGS, where there is no trained scene"})
    train_max_splats: int | None = field(default=None, metadata={"help": "of plain 3DGS, at most (default: no limit)"})
    protocol: str = field(default="inria", metadata={"help": "how to measure: inria, gsplat or nerfbaselines"})
    images: str | None = field(default=None, metadata={"help": "folder of the photographs (default: as the protocol says)"})
    downscale: int | None = field(default=None, metadata={"help": "make photographs so many times smaller (default: as the protocol says)"})
    backend: Backend = field(default="auto", metadata={"help": f"of the renderer: {', '.join(BACKENDS)}"})
    lpips_weights: str | None = field(default=None, metadata={"help": "folder with the weights of LPIPS (default: torch's cache)"})
    keep_files: bool = field(default=False, metadata={"help": "keep the files that codecs write"})
    tool_timeout: float = field(default=TOOL_SECONDS, metadata={"help": "seconds that another program, such as splat-transform, may take for a file; then its cell has failed"})
    jobs: int | None = field(default=None, metadata={"help": "so many processes, each a cell at a time (default: this process)"})
    ray: str | None = field(default=None, metadata={"help": f"a Ray cluster's address, or {LOCAL_RAY!r} for one on this machine"})
    cpus: float | None = field(default=None, metadata={"help": "processors of a cell on Ray, which a fraction shares (default: 1)"})
    gpus: float | None = field(default=None, metadata={"help": "GPUs of a cell on Ray, which a fraction shares (default: 0)"})
    resume: bool = field(default=False, metadata={"help": "keep the cells that are done, and do the others"})
    overwrite: bool = field(default=False, metadata={"help": "begin anew in a folder that holds results"})

    def __post_init__(self) -> None:
        protocol(self.protocol)
        if self.kind not in KINDS:
            raise InputError(f"kind: expected {' or '.join(KINDS)}, found {self.kind!r}")
        for name in self.codecs:
            if name not in CODECS:
                raise InputError(f"--codec: expected one of {', '.join(CODECS)}, found {name!r}")
        for name, low in (("iterations", 1), ("train_iterations", 1), ("train_max_splats", 1), ("downscale", 1), ("jobs", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError(f"--{name.replace('_', '-')}: expected {low} or more, found {value}")
        for quality in self.qualities:
            if not 1 <= quality <= 100:
                raise InputError(f"--quality: expected 1 to 100, found {quality:g}")
        for lambda_ in self.lambdas:
            if not 0 < lambda_ < 1:
                raise InputError(f"--lambda: expected a number between 0 and 1, found {lambda_:g}")
        if self.backend not in BACKENDS:
            raise InputError(f"--backend: expected {', '.join(BACKENDS)}, found {self.backend!r}")
        if self.jobs is not None and self.ray is not None and self.ray != LOCAL_RAY:
            raise InputError("--jobs: expected without the address of a cluster, which has its own number; found both")
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus)):
            if value is not None and self.ray is None:
                raise InputError(f"--{name}: expected together with --ray, whose cells have so many; found without")
        if self.cpus is not None and not 0 < self.cpus < math.inf:
            raise InputError(f"--cpus: expected more than 0, found {self.cpus:g}")
        if self.gpus is not None and not 0 <= self.gpus < math.inf:
            raise InputError(f"--gpus: expected 0 or more, found {self.gpus:g}")
        if not self.tool_timeout > 0:
            raise InputError(f"--tool-timeout: expected more than 0, found {self.tool_timeout:g}")
        if self.resume and self.overwrite:
            raise InputError("--resume, --overwrite: expected at most one, found both")

    def anywhere(self) -> EvalOptions:
        """The same with absolute paths, for processes that were started in another folder."""
        weights = None if self.lpips_weights is None else str(Path(self.lpips_weights).absolute())
        models = None if self.models is None else self.models.absolute()
        return replace(self, data=self.data.absolute(), output=self.output.absolute(), models=models, lpips_weights=weights)

    @property
    def asked(self) -> Asked:
        """Operating points."""
        return Asked(self.qualities, self.lambdas, self.iterations)

    @property
    def all_codecs(self) -> tuple[str, ...]:
        """The baseline and those asked for, once each; "gsz" means what the operating points are of: closed form, training, or both."""
        ours = (*(("gsz",) if self.qualities or not self.lambdas else ()), *(("gsz-trained",) if self.lambdas else ()))
        return tuple(dict.fromkeys(name for codec in (BASELINE, *self.codecs) for name in (ours if codec == "gsz" else (codec,))))

    @property
    def wanted(self) -> Wanted:
        """Scenes."""
        return Wanted(self.kind, self.data, self.models, self.scenes, self.images, self.downscale)

    @property
    def settings(self) -> Settings:
        """What every cell gets."""
        return Settings(self.measured_by, self.backend, self.lpips_weights, self.keep_files, self.tool_timeout)

    @property
    def measured_by(self) -> Protocol:
        """The protocol."""
        return protocol(self.protocol)

    def protocol_record(self, split: Sequence[str] = ()) -> dict[str, Any]:
        """The protocol with what this batch does otherwise; scenes of `split` say themselves which views are for testing."""
        deviations = {}
        if split:
            deviations["split"] = f"the test views of {', '.join(split)} are those of transforms_test.json"
        if self.kind != "mipnerf360" or self.images is not None or self.downscale is not None:
            size = f"at most {LARGEST_SIDE} px a side" if self.downscale is None else f"made {self.downscale} times smaller" if self.downscale > 1 else "as they are"
            deviations["images"] = f"photographs of the folder {self.images or 'images'}, {size}"
        return self.measured_by.record(**deviations)

