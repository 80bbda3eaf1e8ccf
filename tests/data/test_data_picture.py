"""One image file as pixels: formats, modes, transparency, depth, orientation, shape, damage."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gendistill.data.fit import crop, pad
from gendistill.data.picture import Unusable, decode, decode_files, is_grey
from gendistill.data.raw import Fit

GREY, COLOUR = Fit("crop", 16, 1), Fit("crop", 16, 3)
RAMP = (np.arange(256) % 256).astype(np.uint8).reshape(16, 16)
BLOBS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=2)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def pixels_of(content: bytes, fit: Fit) -> np.ndarray:
    return decode(content, fit)[0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(pixels_of(encoded(Image.fromarray(BLOBS), kind, **options), COLOUR), BLOBS.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_grey_stays_grey(kind):
    content = encoded(Image.fromarray(RAMP), kind)
    assert np.array_equal(pixels_of(content, GREY)[0], RAMP)
    assert np.array_equal(pixels_of(content, COLOUR), np.stack([RAMP] * 3))


def test_jpeg_is_close_and_decoded_at_reduced_size_too():
    smooth = np.add.outer(np.linspace(0, 120, 16), np.linspace(0, 120, 16)).astype(np.uint8)
    picture = Image.fromarray(smooth)
    assert np.abs(pixels_of(encoded(picture, "JPEG", quality=95), GREY)[0].astype(int) - smooth).max() <= 6
    large = encoded(picture.resize((512, 512), Image.Resampling.BICUBIC), "JPEG", quality=95)
    assert np.abs(pixels_of(large, GREY)[0].astype(int) - smooth).max() <= 12


def test_colour_as_grey_is_luma():
    red = encoded(Image.new("RGB", (16, 16), (255, 0, 0)), "PNG")
    assert (pixels_of(red, GREY) == 76).all()


def test_palette_and_two_levels():
    picture = Image.fromarray(RAMP // 128 * 255).convert("P")
    assert np.array_equal(pixels_of(encoded(picture, "PNG"), GREY)[0], RAMP // 128 * 255)
    colours = Image.new("P", (16, 16), 1)
    colours.putpalette([0, 0, 0, 10, 20, 30])
    assert pixels_of(encoded(colours, "PNG"), COLOUR)[:, 0, 0].tolist() == [10, 20, 30]
    levels = Image.fromarray(RAMP).convert("1", dither=Image.Dither.NONE)
    assert set(np.unique(pixels_of(encoded(levels, "PNG"), GREY))) == {0, 255}


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (200, 100, 0, 255), [200, 100, 0]),
        ("RGBA", (200, 100, 0, 0), [255, 255, 255]),
        ("RGBA", (200, 100, 0, 128), [227, 177, 127]),  # c a + 255 (1 - a), a = 128 / 255
        ("LA", (60, 0), [255, 255, 255]),
        ("LA", (60, 255), [60, 60, 60]),
    ],
)
def test_what_is_transparent_lies_on_white(mode, colour, expected):
    content = encoded(Image.new(mode, (16, 16), colour), "PNG")
    assert np.abs(pixels_of(content, COLOUR)[:, 3, 3].astype(int) - expected).max() <= 1


def test_a_transparent_palette_entry_lies_on_white():
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([9, 9, 9, 50, 60, 70])
    content = encoded(picture, "PNG", transparency=0)
    assert (pixels_of(content, COLOUR) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_to_eight(kind):
    wide = RAMP.astype(np.uint16) * 257
    assert np.array_equal(pixels_of(encoded(Image.fromarray(wide), kind), GREY)[0], RAMP)
    wide[0, 0] = 128  # 128 / 257 = 0.498
    wide[0, 1] = 129
    assert pixels_of(encoded(Image.fromarray(wide), kind), GREY)[0, 0, :2].tolist() == [0, 1]


def test_cmyk():
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF")
    assert pixels_of(content, COLOUR)[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_are_refused(mode):
    with pytest.raises(Unusable, match="32-bit pixels, and nothing says which value is white"):
        decode(encoded(Image.new(mode, (16, 16)), "TIFF"), GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_note_of_a_camera_is_followed(orientation):
    turn = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    upright = Image.fromarray(BLOBS[:, :12])
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = pixels_of(encoded(stored, "PNG", exif=exif), Fit("pad", 16, 3))
    assert np.array_equal(seen, pad(BLOBS[None, :, :12], 16)[0].transpose(2, 0, 1))


def test_crop_and_pad_are_those_of_arrays():
    wide = np.concatenate([BLOBS, BLOBS], axis=1)
    content = encoded(Image.fromarray(wide), "PNG")
    assert np.array_equal(pixels_of(content, COLOUR), crop(wide[None], 16)[0].transpose(2, 0, 1))
    pixels, counts, mode = decode(content, Fit("pad", 64, 3))
    assert np.array_equal(pixels, pad(wide[None], 64)[0].transpose(2, 0, 1))
    assert mode == "RGB"
    assert counts.sum() == wide.size  # zeros around are not counted


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (Fit("pad", 16, 3), "32 x 16 pixels, and data.fit: pad cannot shrink to 16; write resize or crop"),
        (Fit("resize", 16, 3), "32 x 16 pixels, and data.fit: resize takes squares; make it one, or write crop or pad"),
    ],
)
def test_shapes_that_do_not_fit_are_told(fit, message):
    with pytest.raises(Unusable, match=message):
        decode(encoded(Image.fromarray(np.concatenate([BLOBS, BLOBS], axis=1)), "PNG"), fit)


def test_the_first_of_several_frames_is_taken():
    frames = [Image.new("L", (16, 16), level) for level in (10, 200)]
    content = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert (pixels_of(content, GREY) == 10).all()


def test_content_counts_and_not_the_name(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(BLOBS), "BMP"))
    (tmp_path / "b.png").write_text("no image")
    (tmp_path / "c.png").write_bytes(encoded(Image.fromarray(RAMP), "GIF"))
    (tmp_path / "d.png").write_bytes(encoded(Image.effect_noise((16, 16), 90), "PNG")[:-40])
    block = decode_files(tmp_path, ["a.png", "b.png", "c.png", "d.png", "e.png"], COLOUR)
    assert np.array_equal(block.pixels[0], BLOBS.transpose(2, 0, 1))
    assert not block.pixels[1:].any()
    reasons = dict(block.unusable)
    assert reasons[1] == reasons[2] == "no PNG, JPEG, WebP, BMP or TIFF image, whatever its name says"
    assert reasons[3].startswith("damaged: ")
    assert reasons[4] == "cannot be read: No such file or directory"
    assert block.coloured
    assert block.modes == {"RGB": 1}


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels, a few kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(1000), 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_500, 30_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side):
    with pytest.raises(Unusable, match=r"more than 89,478,485 pixels, refused as a decompression bomb"):
        decode(bomb(side), GREY)


def test_grey_is_told_by_the_header(tmp_path):
    palette = Image.new("P", (4, 4))
    palette.putpalette([5, 5, 5, 80, 80, 80])
    coloured = palette.copy()
    coloured.putpalette([5, 5, 5, 80, 80, 81])
    answers = {}
    for name, picture in {
        "L": Image.new("L", (4, 4)), "1": Image.new("1", (4, 4)), "LA": Image.new("LA", (4, 4)),
        "I;16": Image.fromarray(np.zeros((4, 4), np.uint16)), "P": palette, "P in colour": coloured,
        "RGB": Image.new("RGB", (4, 4)), "RGBA": Image.new("RGBA", (4, 4)),
    }.items():  # fmt: skip
        picture.save(tmp_path / f"{name}.png")
        answers[name] = is_grey(tmp_path / f"{name}.png")
    assert [name for name, grey in answers.items() if not grey] == ["P in colour", "RGB", "RGBA"]
    (tmp_path / "no.png").write_text("nothing")
    assert is_grey(tmp_path / "no.png")
