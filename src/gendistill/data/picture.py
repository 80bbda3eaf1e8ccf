"""One image file as pixels: every mode of PNG, JPEG, WebP, BMP and TIFF, fitted to the size the networks take.

- Which of these a file is, its content says, not its name. Of several frames the first is taken.
- What is transparent lies on white. Sixteen bits are scaled to eight (v / 257); 32-bit pixels are refused, since
  nothing says which value is white. A camera's note of how it was held (EXIF) is followed.
- An image that is not whole is refused, never filled up.
"""

import hashlib
import warnings
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gendistill.data.fit import histogram, middle_square, pad
from gendistill.data.raw import Fit, Histogram, Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")  # what cameras write as MPO is read by the reader of JPEG
GREY = ("1", "L", "LA", "La", "I", "F")  # and all I;16
MOST_BYTES = 2**29  # of a file
REDUCE = 2  # JPEG is decoded at a fraction of its size that leaves at least this multiple of what is asked for


class Unusable(Exception):
    """Why an image cannot be used, in a few words."""


@dataclass
class Decoded:
    """Some images of a folder.

    Attributes:
        pixels: (k, c, s, s) uint8; zeros where an image could not be used.
        counts: of the pixel values, before padding, (c, 256).
        digests: MD5 of every file.
        modes: images by mode as stored.
        unusable: position in the block and reason, of every image that could not be used.
        coloured: an image has three channels that differ.
    """

    pixels: Pixels
    counts: Histogram
    digests: list[bytes] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    unusable: list[tuple[int, str]] = field(default_factory=list)
    coloured: bool = False


def decode_files(root: Path, paths: list[str], fit: Fit) -> Decoded:
    """Decode the images at `paths` relative to `root`; one that fails leaves a reason, not an error."""
    shape = (fit.channels, fit.size, fit.size)
    block = Decoded(np.zeros((len(paths), *shape), np.uint8), np.zeros((fit.channels, 256), np.int64))
    for number, path in enumerate(paths):
        try:
            content = _read(root / path)
            block.digests.append(hashlib.md5(content, usedforsecurity=False).digest())
            pixels, counts, mode = decode(content, fit)
        except Unusable as error:
            block.unusable.append((number, str(error)))
            continue
        block.pixels[number] = pixels
        block.counts += counts
        block.modes[mode] += 1
        block.coloured |= bool((pixels[1:] != pixels[:1]).any())
    return block


def decode(content: bytes, fit: Fit) -> tuple[Pixels, Histogram, str]:
    """An image file as pixels (c, s, s) in [0, 255], the counts (c, 256) of its values before padding, and its mode.

    Raises:
        Unusable: it is no image of `FORMATS`, damaged, too large, or does not fit.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as picture:
                mode = picture.mode
                return (*_fitted(picture, fit), mode)
    except Unusable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable(
            f"more than {Image.MAX_IMAGE_PIXELS:,} pixels, refused as a decompression bomb; make it smaller"
        ) from None
    except UnidentifiedImageError:
        raise Unusable("no PNG, JPEG, WebP, BMP or TIFF image, whatever its name says") from None
    except Exception as error:  # readers of foreign bytes raise what they stumble on, from IndexError to SyntaxError
        raise Unusable(f"damaged: {_first_line(error)}") from None


def is_grey(path: Path) -> bool:
    """Whether a file says that its image is grey; one that cannot be read says nothing, so True."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                if picture.mode in ("P", "PA"):
                    colours = np.array(picture.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
                    return bool((colours == colours[:, :1]).all())
                return picture.mode in GREY or picture.mode.startswith("I;16")
    except Exception:  # as in `decode`, where the reason is told
        return True


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Unusable(f"{size:,} bytes, but no image of more than {MOST_BYTES:,} is read")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None


def _fitted(picture: Image.Image, fit: Fit) -> tuple[Pixels, Histogram]:
    """The pixels and their counts of an opened image."""
    if fit.mode != "pad":
        picture.draft(picture.mode, (REDUCE * fit.size, REDUCE * fit.size))  # of JPEG; other formats ignore it
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    width, height = upright.size
    if fit.mode == "pad" and max(width, height) > fit.size:
        raise Unusable(
            f"{width} x {height} pixels, and data.fit: pad cannot shrink to {fit.size}; write resize or crop"
        )
    if fit.mode == "resize" and width != height:
        raise Unusable(
            f"{width} x {height} pixels, and data.fit: resize takes squares; make it one, or write crop or pad"
        )
    plain = _plain(upright, picture.format == "PNG").convert("L" if fit.channels == 1 else "RGB")
    square = plain if fit.mode == "pad" else middle_square(plain, fit.size)
    pixels = np.asarray(square).reshape(1, square.height, square.width, fit.channels)
    counts = histogram(pixels)
    return (pad(pixels, fit.size) if fit.mode == "pad" else pixels)[0].transpose(2, 0, 1), counts


def _plain(picture: Image.Image, png: bool) -> Image.Image:
    """An image of eight bits and without transparency."""
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and png):  # older Pillow opens PNG of 16 bits as I
        return Image.fromarray(np.rint(np.asarray(picture).astype(np.float64) / 257).clip(0, 255).astype(np.uint8))
    if mode in ("I", "F"):
        raise Unusable("32-bit pixels, and nothing says which value is white; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("L" if mode in GREY else "RGB")
    return picture


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
