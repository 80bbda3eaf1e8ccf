"""Folders of images as a data set: layouts, labels, splits, what is refused and what is noted, through `prepare`."""

import errno
import hashlib
import os
import re
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image
from safetensors.numpy import load_file

from gendistill.config.catalogue.datasets import DATASETS
from gendistill.config.schema import DataParams
from gendistill.data import decoding
from gendistill.data import folder as module
from gendistill.data.prepare import prepare
from gendistill.runtime.errors import Stopped, UserError

BASE = {
    "name": "folder", "path": "own", "image_size": 16, "fit": "crop", "channels": "auto", "balanced": True,
    "held_out": 0, "split_seed": 0,
}  # fmt: skip


def write(root: Path, name: str, code: int, mode: str = "L", side: int = 16) -> Path:
    """An image whose pixels are all `code`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), code if mode == "L" else (code,) * 3).save(path)
    return path


def make(root: Path, counts: dict[str, int]) -> dict[int, str]:
    """Images `<folder>/<i>.png`, each of another level of grey; the folder of every level."""
    where = {}
    for folder, count in counts.items():
        for number in range(count):
            code = len(where)
            write(root, f"{folder}/{number:03}.png", code)
            where[code] = folder
    assert len(where) <= 256
    return where


def prepared(root: Path, **changes) -> tuple:
    """Prepare ``own`` in `root`; its info and, by split, (codes, labels)."""
    info = prepare(DataParams(**(BASE | changes)), root, root / "out")
    splits = {}
    for split in ("train", "held_out", "test"):
        stored = load_file(root / f"out/{split}.safetensors")
        splits[split] = (stored["images"][:, 0, 5, 5].tolist(), stored["labels"].tolist())
    return info, splits


def message(root: Path, **changes) -> str:
    """What `prepare` says when it refuses; it writes nothing."""
    with pytest.raises(UserError) as caught:
        prepared(root, **changes)
    assert not (root / "out").exists()
    assert not list(root.glob(".*tmp"))
    return str(caught.value)


def test_labels_are_those_of_the_folders_in_all_parts(tmp_path):
    where = make(
        tmp_path / "own", {f"{part}/{name}": 3 for part in ("test", "train", "val") for name in ("b", "a", "c")}
    )
    info, splits = prepared(tmp_path)
    assert info.classes == ("a", "b", "c")
    assert info.counts == {"train": 9, "held_out": 9, "test": 9}
    for split, part in {"train": "train", "held_out": "val", "test": "test"}.items():
        assert [where[code] for code in splits[split][0]] == [
            f"{part}/{info.classes[label]}" for label in splits[split][1]
        ]
        assert len(set(splits[split][0])) == 9


def test_classes_and_order_are_those_of_torchvision(tmp_path):
    make(tmp_path / "own", {"train/10": 2, "train/9": 3, "train/B": 1, "train/a/deep/er": 2, "train/a": 2, "test/9": 1})
    info, splits = prepared(tmp_path)
    twin = torchvision.datasets.ImageFolder(str(tmp_path / "own/train"))
    assert list(info.classes) == twin.classes == ["10", "9", "B", "a"]
    labels = np.array(splits["train"][1])
    for name, label in twin.class_to_idx.items():
        codes = {Image.open(path).getpixel((0, 0)) for path, target in twin.samples if target == label}
        assert {code for code, own in zip(splits["train"][0], labels, strict=True) if own == label} == codes, name


def test_without_parts_a_fifth_of_every_class_is_the_test_part(tmp_path):
    where = make(tmp_path / "own", {"cat": 20, "dog": 11, "eel": 4, "fox": 2, "gnu": 1})
    info, splits = prepared(tmp_path)
    assert np.bincount(splits["test"][1], minlength=5).tolist() == [4, 2, 1, 1, 0]
    assert np.bincount(splits["train"][1], minlength=5).tolist() == [16, 9, 3, 1, 1]
    assert sorted(splits["train"][0] + splits["test"][0]) == sorted(where)
    for codes, labels in splits.values():
        assert [where[code] for code in codes] == [info.classes[label] for label in labels]
    assert "no test/ in the folder: one image in 5 of every class was drawn as test part" in info.notes
    assert "no test image has the label 4 (gnu)" in info.notes
    again, same = prepared(tmp_path)
    assert (again, same) == (info, splits)
    _, other = prepared(tmp_path, split_seed=1)
    assert other["test"] != splits["test"]


def test_held_out_images_come_from_val_or_from_train(tmp_path):
    where = make(tmp_path / "own", {"train/a": 10, "train/b": 10, "val/a": 2, "test/a": 2, "test/b": 2})
    info, splits = prepared(tmp_path)
    assert {where[code] for code in splits["held_out"][0]} == {"val/a"}
    info, splits = prepared(tmp_path, held_out=4)
    assert info.counts == {"train": 16, "held_out": 4, "test": 4}
    assert sorted(where[code] for code in splits["held_out"][0]) == ["train/a"] * 2 + ["train/b"] * 2
    assert any(note.startswith("the 2 images of the validation part are not used") for note in info.notes)


def test_channels_are_found_or_forced(tmp_path):
    own = tmp_path / "own"
    make(own, {"a": 10, "b": 10})
    assert prepared(tmp_path)[0].channels == 1
    assert prepared(tmp_path, channels=3)[0].channels == 3
    write(own, "b/more.png", 77, "RGB")
    info, _ = prepared(tmp_path)
    assert info.channels == 3
    assert "stored modes: L (20), RGB (1)" in info.notes
    assert any(note.startswith("no image has a colour, though files say so: data.channels: 1") for note in info.notes)
    assert prepared(tmp_path, channels=1)[0].channels == 1
    Image.new("RGB", (16, 16), (1, 2, 3)).save(own / "b/more.png")
    assert not any("no image has a colour" in note for note in prepared(tmp_path)[0].notes)


def test_shapes_may_differ_and_statistics_are_those_of_the_pixels(tmp_path):
    own = tmp_path / "own"
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 13, 3), dtype=np.uint8)
    for number, image in enumerate(noise):
        path = own / f"train/{number % 2}/{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[: 9 - number % 3]).save(path)
    write(own, "test/0/a.png", 3, "RGB", side=40)
    info, _ = prepared(tmp_path)
    stored = load_file(tmp_path / "out/train.safetensors")["images"] / 255
    assert info.mean == pytest.approx(stored.mean((0, 2, 3)), abs=1e-12)
    assert info.std == pytest.approx(stored.std((0, 2, 3)), abs=1e-12)
    (own / "test/0/a.png").unlink()
    write(own, "test/0/a.png", 3, "RGB", side=12)
    padded, _ = prepared(tmp_path, fit="pad")
    pixels = np.concatenate([image[: 9 - number % 3].reshape(-1, 3) for number, image in enumerate(noise)]) / 255
    assert padded.mean == pytest.approx(pixels.mean(0), abs=1e-12)
    assert padded.std == pytest.approx(pixels.std(0), abs=1e-12)


def test_the_fingerprint_is_that_of_names_and_bytes(tmp_path):
    make(tmp_path / "own", {"a": 10, "b": 10})
    (fingerprint,) = (first := prepared(tmp_path)[0]).source.values()
    digest = hashlib.md5(usedforsecurity=False)
    for path in sorted((tmp_path / "own").rglob("*.png")):
        name = path.relative_to(tmp_path / "own").as_posix()
        digest.update(name.encode() + b"\0" + hashlib.md5(path.read_bytes(), usedforsecurity=False).digest())
    assert fingerprint == digest.hexdigest()
    os.utime(tmp_path / "own/a/000.png", (0, 0))
    assert prepared(tmp_path)[0] == first
    (tmp_path / "own/a/000.png").rename(tmp_path / "own/a/moved.png")
    assert prepared(tmp_path)[0].source != first.source


def test_litter_is_ignored_and_other_files_are_counted(tmp_path):
    own = tmp_path / "own"
    make(own, {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 1})
    clean, _ = prepared(tmp_path)
    for name in (".DS_Store", "train/Thumbs.db", "train/a/.hidden.png", "train/a/desktop.ini", "train/.cache/x/y.png"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("x")
    assert prepared(tmp_path)[0] == clean
    for name in ("readme.txt", "train/labels.csv", "train/b/notes.txt", "train/b/LICENSE"):
        (own / name).write_text("x")
    info, _ = prepared(tmp_path)
    assert "files of other kinds were left out: .csv (1), .txt (1), no ending (1)" in info.notes
    assert info.checksum == clean.checksum


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    own = tmp_path / "own"
    make(own, {"train/a": 3, "train/b": 3, "test/a": 1, "test/only here": 1})
    (own / "train/empty").mkdir()
    write(own, "train/D/x.png", 1)
    write(own, "train/d/x.png", 1)
    (own / "train/linked").symlink_to(own / "train/b")
    write(own, "train/loose.png", 1)
    (own / "train/a/moving.gif").write_bytes(b"GIF89a")
    (own / "train/a/gone.png").symlink_to(own / "nowhere.png")
    (own / "train/a/round").symlink_to(own / "train")
    (own / "train/a/000.png").write_bytes((own / "train/a/000.png").read_bytes()[:40])
    (own / "train/b/001.png").write_text("words")
    os.mkfifo(own / "train/b/pipe.png")
    said = message(tmp_path)
    assert said.startswith(f"{own} cannot be used as it is; nothing was written:\n")
    for words in (
        "class folders without an image (1); add images or remove the folder:\n    train/empty\n",
        "but for case, or lead to the same place (2); keep one of them:\n"
        "    train/D and train/d\n    train/b and train/linked\n",
        "classes that are not in train/ (1); add them there or remove them:\n    test/only here\n",
        "images that lie in no class folder (1); move them into one:\n    train/loose.png\n",
        "images of kinds that are not read (1); save them as PNG, JPEG, WebP, BMP or TIFF:\n    train/a/moving.gif\n",
        "inside of a class folder, which are not followed (1); put the images there:\n    train/a/round\n",
        "that are no files, or links that lead nowhere (2); remove them:\n    train/a/gone.png\n    train/b/pipe.png\n",
        "images that cannot be used (2); save them anew or remove them:\n    train/a/000.png: ",
        "train/b/001.png: no PNG, JPEG, WebP, BMP or TIFF image, whatever its name says",
    ):
        assert words in said


def test_odd_names_and_links_to_themselves_are_told(tmp_path):
    own = tmp_path / "own"
    make(own, {"a": 5, "b": 5})
    (own / "a/round.png").symlink_to(own / "a/round.png")
    (own / "again").symlink_to(own / "again")
    (own / "tab\there").mkdir()
    (own / os.fsdecode(b"no\xfftext")).mkdir()
    said = message(tmp_path)
    assert "lead nowhere (1); remove them:\n    a/round.png" in said
    assert "names that cannot be printed (2); rename them:\n    'no\\udcfftext'\n    'tab\\there'" in said


def test_a_folder_that_may_not_be_listed_is_told(tmp_path, monkeypatch):
    make(tmp_path / "own", {"a": 5, "b": 5})
    real = os.scandir
    locked = {"b"}

    def refusing(path):
        if Path(path).name in locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert "folders that may not be listed (1); give read permission:\n    b" in message(tmp_path)
    locked.add("own")
    assert "own cannot be listed (Permission denied)" in message(tmp_path)


def test_long_lists_are_cut(tmp_path):
    make(tmp_path / "own", {"a": 30, "b": 30})
    for path in (tmp_path / "own/a").iterdir():
        path.write_text("x")
    said = message(tmp_path)
    assert "images that cannot be used (30)" in said
    assert said.endswith("and 10 more")
    assert said.count("whatever its name says") == 20


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (None, "does not exist, but data.path must name a folder"),
        ({}, "has no class folder to train on, but at least two classes are needed"),
        ({"a": 3}, "has one class folder, a, to train on"),
        ({"a": 3, "test/a": 3}, "has the folders a, test, but the parts must be called train, val and test"),
        ({"Train/a": 3, "Test/a": 3}, "has the folders Test, Train, but the parts must be called train"),
        ({"train/a": 3, "train/b": 3, "valid/a": 1}, "has the folders train, valid, but the parts"),
        ({"test/a": 3, "test/b": 3}, "test, with train among them"),
    ],
)
def test_other_layouts_are_refused(tmp_path, counts, words):
    if counts is not None:
        (tmp_path / "own").mkdir()
        make(tmp_path / "own", counts)
    said = message(tmp_path)
    assert words in said
    assert "a folder of images holds train/<class>/*" in said


def test_a_part_without_images_is_told(tmp_path):
    make(tmp_path / "own", {"train/a": 3, "train/b": 3})
    (tmp_path / "own/test").mkdir()
    assert "test (no class folder with an image)" in message(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "own").write_text("x")
    assert "is a file, but data.path must name a folder" in message(tmp_path)


@pytest.mark.parametrize("name", ["own.zip", "own.tar.gz", "OWN.ZIP"])
def test_an_archive_must_be_unpacked(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(
        UserError, match=r"is an archive, which is not read: unpack it, but data\.path must name a folder"
    ):
        module.read_folder(tmp_path / name, 0)


def test_images_that_do_not_fit_are_all_named(tmp_path):
    make(tmp_path / "own", {"a": 5, "b": 5})
    for number in range(2):
        Image.new("L", (20, 18)).save(tmp_path / f"own/a/00{number}.png")
    for fit, words in (("pad", "20 x 18 pixels, and data.fit: pad cannot shrink to 16"), ("resize", "takes squares")):
        said = message(tmp_path, fit=fit)
        assert "images that cannot be used (2)" in said
        assert words in said


def test_a_thousand_classes(tmp_path):
    for label in range(1000):
        write(tmp_path / "own", f"train/class {label:03}/x.png", label % 256, side=2)
    write(tmp_path / "own", "test/class 007/x.png", 1, side=2)
    info, splits = prepared(tmp_path)
    assert info.num_classes == 1000
    assert splits["train"][1] == list(range(1000))
    assert splits["train"][0] == [label % 256 for label in range(1000)]
    assert any(re.match(r"no test image has the label 0 \(class 000\), .* and 989 more", note) for note in info.notes)


def test_memory_does_not_grow_with_the_folder(tmp_path):
    """What a process holds while it reads is a few blocks; the images of all files would be three times the bound."""
    peaks = []
    for turn, count in enumerate((130, 390)):
        root = tmp_path / str(turn)
        make(root / "own", {"train/a": 2, "train/b": 2, "test/a": 1})
        for name in "ab":
            for number in range(2, count):
                os.link(root / f"own/train/{name}/000.png", root / f"own/train/{name}/{number:03}.png")
        tracemalloc.start()
        prepare(
            DataParams(**BASE | {"image_size": 64, "channels": 3, "fit": "crop", "held_out": 0}), root, root / "out"
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "1/out/train.safetensors").stat().st_size > 9e6
    assert peaks[1] < 3e6
    assert peaks[1] - peaks[0] < 5e5


def test_several_processes_give_the_same_bytes(tmp_path, monkeypatch, capsys):
    make(tmp_path / "own", {"a": 60, "b": 60, "c": 60})
    info, _ = prepared(tmp_path)
    assert "prepare train: image 144/144" in capsys.readouterr().err
    monkeypatch.setattr(decoding, "ALONE", 0)
    for each in (decoding, module):
        monkeypatch.setattr(each, "BLOCK", 7)
    again = prepare(DataParams(**BASE), tmp_path, tmp_path / "two", processes=2, log_seconds=0)
    assert again == info
    for name in ("train", "held_out", "test"):
        one, two = ((tmp_path / out / f"{name}.safetensors").read_bytes() for out in ("out", "two"))
        assert one == two
    lines = capsys.readouterr().err.splitlines()
    first = {line.partition(":")[0]: line for line in reversed(lines)}
    assert first["prepare, looking for colour"].startswith("prepare, looking for colour: image 7/180  ")
    assert first["prepare train"].startswith("prepare train: image 7/144  ")
    assert all(re.search(r"\d (images/s|s/image)  eta ", line) for line in lines)


def test_a_decoding_process_that_is_killed_is_told(tmp_path, monkeypatch):
    make(tmp_path / "own", {"a": 40, "b": 40})
    monkeypatch.setattr(decoding, "ALONE", 0)
    monkeypatch.setattr(decoding, "_begin", partial(os._exit, 9))  # as a system short of memory would
    with pytest.raises(UserError, match=r"was ended from outside, most likely for lack of memory"):
        prepare(DataParams(**BASE), tmp_path, tmp_path / "out", processes=2)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_stop_leaves_nothing_behind(tmp_path, monkeypatch):
    make(tmp_path / "own", {"a": 100, "b": 100})
    monkeypatch.setattr(module.StopRequest, "reason", lambda self: ("stopped by SIGTERM", 143))
    with pytest.raises(
        Stopped, match="prepare train: stopped by SIGTERM after 64 of 160 images; nothing was written"
    ) as e:
        prepare(DataParams(**BASE), tmp_path, tmp_path / "out")
    assert e.value.status == 143
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_the_check_sees_what_the_folder_holds_before_anything_is_decoded(tmp_path):
    make(tmp_path / "own", {"train/a": 3, "train/b": 4, "val/a": 1, "test/a": 2})
    (tmp_path / "own/train/a/000.png").write_text("damaged")
    seen = []

    def check(known):
        seen.append(known)
        raise UserError("does not fit")

    with pytest.raises(UserError, match="does not fit"):
        prepare(DataParams(**BASE), tmp_path, tmp_path / "out", check=check)
    (known,) = seen
    assert (known.name, known.channels, known.num_classes, known.train_count, known.test_count, known.validation) == (
        "folder", 1, 2, 7, 2, True,
    )  # fmt: skip
    assert DATASETS["folder"].num_classes is None
