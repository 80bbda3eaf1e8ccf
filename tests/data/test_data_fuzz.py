"""Damaged files in bulk: none crashes a reader, hangs it, or makes it write where it should not.

Mutations are drawn from fixed seeds: flipped bits, cut ends, overwritten runs, joined halves, wrong endings.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gendistill.data.npz import read_npz
from gendistill.data.picture import Unusable, decode
from gendistill.data.raw import Fit
from gendistill.data.unpack import unpack
from gendistill.runtime.errors import UserError


def mutations(content: bytes, number: int, seed: int) -> Iterator[bytes]:
    """`number` damaged copies of `content`."""
    draw = np.random.default_rng(seed)
    for turn in range(number):
        damaged = bytearray(content)
        place = int(draw.integers(len(content)))
        match turn % 5:
            case 0:  # a few bits
                for where in draw.integers(len(content), size=int(draw.integers(1, 6))):
                    damaged[where] ^= 1 << int(draw.integers(8))
            case 1:
                del damaged[place:]
            case 2:  # the head, where sizes and types are told
                where = int(draw.integers(min(64, len(content))))
                damaged[where] = int(draw.integers(256))
            case 3:  # a run of extremes
                damaged[place : place + 8] = bytes([int(draw.choice([0, 255, 127]))]) * 8
            case 4:
                damaged = damaged[place:] + damaged[:place]
        yield bytes(damaged)


def image_files() -> dict[str, bytes]:
    """An image in every format and several modes."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 24, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = {
        "grey.png": Image.fromarray(noise[..., 0]),
        "clear.png": Image.fromarray(noise),
        "palette.png": Image.fromarray(noise[..., :3]).convert("P"),
        "deep.png": Image.fromarray(noise[..., 0].astype(np.uint16) * 257),
        "colour.jpg": Image.fromarray(noise[..., :3]),
        "colour.webp": Image.fromarray(noise[..., :3]),
        "colour.bmp": Image.fromarray(noise[..., :3]),
        "packed.tiff": Image.fromarray(noise[..., :3]),
        "float.tiff": Image.fromarray(noise[..., 0].astype(np.float32)),
    }
    options = {"colour.jpg": {"exif": exif}, "packed.tiff": {"compression": "tiff_lzw"}, "clear.png": {"exif": exif}}
    files = {}
    for name, picture in pictures.items():
        stream = io.BytesIO()
        picture.save(
            stream, {"jpg": "JPEG"}.get(name.split(".")[1], name.split(".")[1].upper()), **options.get(name, {})
        )
        files[name] = stream.getvalue()
    return files


FITS = (Fit("crop", 16, 3), Fit("pad", 32, 1), Fit("resize", 16, 1))


@pytest.mark.parametrize("name", image_files())
def test_damaged_images_give_pixels_or_a_reason(name):
    content = image_files()[name]
    reasons = []
    for number, damaged in enumerate(mutations(content, 70, seed=sum(content[:99]))):
        fit = FITS[number % 3]
        try:
            pixels, counts, _ = decode(damaged, fit)
        except Unusable as error:
            reasons.append(str(error))
        else:
            assert pixels.shape == (fit.channels, fit.size, fit.size)
            assert pixels.dtype == np.uint8
            assert counts.sum() >= fit.channels
    assert len(reasons) >= 20
    assert all(0 < len(reason) < 200 and "\n" not in reason for reason in reasons)


def test_damaged_npz_files_give_arrays_or_a_message(tmp_path):
    stream = io.BytesIO()
    images, labels = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4), np.arange(6) % 2
    np.savez_compressed(stream, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    path = tmp_path / "set.npz"
    said = []
    for damaged in mutations(stream.getvalue(), 150, seed=1):
        path.write_bytes(damaged)
        try:
            data = read_npz(path)
        except UserError as error:
            said.append(str(error))
        else:
            assert len(data.train) == len(data.train.images)
    assert len(said) > 50
    assert all("set.npz" in message for message in said)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def outside(tmp_path: Path) -> list[str]:
    """What lies in the folder of a test beside what the test itself put there."""
    return sorted(path.name for path in tmp_path.iterdir() if path.name not in ("a.tar.gz", "inside"))


def test_damaged_tar_archives_stay_inside(tmp_path):
    noise = np.random.default_rng(0).bytes(3000)
    plain = gzip.decompress(tar_of(*((tarfile.TarInfo(f"deep/{name}"), noise) for name in "abc")))
    path = tmp_path / "a.tar.gz"
    said = []
    for number, damaged in enumerate(mutations(plain, 120, seed=2)):
        # half of them damaged inside of a sound gzip stream, so that tar itself meets the damage
        path.write_bytes(gzip.compress(damaged, 1) if number % 2 else gzip.compress(plain, 1)[: number * 20])
        try:
            unpack(path, tmp_path / "inside" / str(number))
        except UserError as error:
            said.append(str(error))
        assert outside(tmp_path) == []
    assert len(said) > 60
    assert all(str(path) in message for message in said)


def test_members_of_any_name_stay_inside(tmp_path):
    """Names put together of the parts that lead elsewhere: refused, or unpacked below the folder."""
    draw = np.random.default_rng(3)
    parts = ["..", ".", "", "/", "\\", "a", "b.", "...", " ..", "..a", "C:", "~", "ä"]
    refused = 0
    for number in range(200):
        chosen = [parts[at] for at in draw.integers(len(parts), size=int(draw.integers(1, 6)))]
        name = str(draw.choice(["/", "\\", ""])).join(chosen)
        path = tmp_path / "a.tar.gz"
        path.write_bytes(tar_of((tarfile.TarInfo(f"{number}/{name}" if number % 2 else name), b"x")))
        try:
            unpack(path, tmp_path / "inside" / str(number))
        except (UserError, OSError):  # OSError: a name that no file can have, or that is the folder itself
            refused += 1
        assert outside(tmp_path) == []
    assert 40 < refused < 190


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (tarfile.TarInfo("../out"), "its member '../out' leads out of the archive"),
        (tarfile.TarInfo("a/../../out"), "leads out of the archive"),
        (tarfile.TarInfo("/out"), "its member '/out' leads out of the archive"),
        (tarfile.TarInfo("..\\out"), "leads out of the archive"),
        (link("a", "../out", tarfile.SYMTYPE), "its member 'a' is a link or a device"),
        (link("a", "inside", tarfile.LNKTYPE), "is a link or a device"),
        (link("a", "", tarfile.FIFOTYPE), "is a link or a device"),
        (link("a", "", tarfile.CHRTYPE), "is a link or a device"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else "",
)
def test_members_that_leave_the_folder_are_refused(tmp_path, member, words):
    path = tmp_path / "a.tar.gz"
    content = b"" if member.type != tarfile.REGTYPE else b"x"
    path.write_bytes(tar_of((tarfile.TarInfo("good"), b"x"), (member, content)))
    with pytest.raises(UserError) as caught:
        unpack(path, tmp_path / "inside")
    assert words in str(caught.value)
    assert "is not safe to unpack" in str(caught.value)
    assert outside(tmp_path) == []
