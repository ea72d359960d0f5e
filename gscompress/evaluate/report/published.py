"""Results that others published, for the plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ...errors import Corrupt

FILE = "published.json"


@dataclass(frozen=True)
class PublishedResult:
    """One published operating point, of one `scene` or as a mean over `scenes`; `size_mb` in 10^6 bytes, None where not given."""

    method: str
    dataset: str
    size_mb: float | None
    psnr: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    source: str = ""
    scene: str | None = None
    scenes: int | None = None
    plain_splats: bool | None = None


@dataclass(frozen=True)
class Published:
    """`about` says how they were collected, and how they may differ from what is measured here."""

    about: str = ""
    means: tuple[PublishedResult, ...] = ()
    scenes: tuple[PublishedResult, ...] = ()

    def of_scene(self, dataset: str, scene: str) -> tuple[PublishedResult, ...]:
        """Results of one scene."""
        return tuple(r for r in self.scenes if (r.dataset, r.scene) == (dataset, scene))

    def of_mean(self, dataset: str, scenes: int) -> tuple[PublishedResult, ...]:
        """Means over so many scenes."""
        return tuple(r for r in self.means if (r.dataset, r.scenes) == (dataset, scenes))


def load_published() -> Published:
    """Those that come with the package."""
    return parse_published(resources.files("gscompress.evaluate.report").joinpath(FILE).read_bytes())


def parse_published(data: bytes) -> Published:
    """From the bytes of such a file.

    Raises:
        Corrupt: it is not such a file.
    """
    try:
        record = json.loads(data)
        return Published(str(record.get("about", "")), _results(record["means"]), _results(record["scenes"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(FILE, "results", "means and scenes of published results", f"something else ({error})") from error


def _results(records: Sequence[dict[str, Any]]) -> tuple[PublishedResult, ...]:
    return tuple(PublishedResult(**record) for record in records)
