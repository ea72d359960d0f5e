"""Photographs from image files, by Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError, MissingExtra
from .common import foreign_errors


def read_picture(path: str | Path) -> np.ndarray:
    """uint8 [H, W, 3], or [H, W, 4] with an alpha that is not premultiplied; rows as stored, whatever the EXIF orientation.

    Raises:
        InputError: there is no such file.
        Corrupt: it is no image.
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("PIL", "formats", "reading photographs") from error
    if not Path(path).is_file():
        raise InputError(f"{path}: expected a photograph, found no such file")
    with foreign_errors(str(path), "content", "an image"), Image.open(path) as opened:
        clear = "A" in opened.getbands() or "transparency" in opened.info
        return np.array(opened.convert("RGBA" if clear else "RGB"))


def bicubically(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, C] of uint8 [H, W, C], C 1 or 3, by Pillow's bicubic filter.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("PIL", "formats", "making photographs smaller") from error
    plain = image[..., 0] if image.shape[2] == 1 else image
    small = np.array(Image.fromarray(plain).resize((width, height), Image.Resampling.BICUBIC))
    return small.reshape(height, width, image.shape[2])
