import hashlib
import zipfile

import numpy as np
import pytest

from gendistill.data.npz import read_npz
from gendistill.runtime.errors import UserError


def arrays(**changes):
    """A sound file of six training and three test images of 4 x 4, with changes; None removes a key."""
    base = {
        "train_images": np.arange(6, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2),
        "train_labels": np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8),
        "test_images": np.full((3, 4, 4), 9, dtype=np.uint8),
        "test_labels": np.array([2, 1, 0], dtype=np.uint8),
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        path = tmp_path / "set.npz"
        np.savez(path, **arrays(**changes))
        return path

    return write


def test_a_sound_file(write):
    path = write()
    data = read_npz(path)
    assert data.train.images.shape == (6, 4, 4, 1)
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.train.labels.dtype == np.int64
    assert data.test.labels.tolist() == [2, 1, 0]
    assert data.classes == ("0", "1", "2")
    assert data.source == {"set.npz": hashlib.md5(path.read_bytes()).hexdigest()}
    assert data.notes == ()


def test_column_labels_colour_and_class_names(write):
    colour = {f"{part}_images": np.zeros((n, 4, 4, 3), np.uint8) for part, n in (("train", 6), ("test", 3))}
    data = read_npz(write(train_labels=np.arange(6).reshape(6, 1) % 3, **colour), ("a", "b", "c"))
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.test.images.shape == (3, 4, 4, 3)
    assert data.classes == ("a", "b", "c")


def test_validation_images_are_a_part(write):
    data = read_npz(write(val_images=np.full((2, 4, 4), 7, np.uint8), val_labels=np.array([[2], [0]])))
    assert data.validation.labels.tolist() == [2, 0]
    assert data.validation.images.shape == (2, 4, 4, 1)
    assert (data.validation.images == 7).all()
    assert len(data.train) == 6
    assert read_npz(write()).validation is None


VAL = {"val_images": np.zeros((2, 4, 4), np.uint8), "val_labels": np.zeros(2, np.uint8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (VAL | {"val_labels": None}, "lacks val_labels"),
        (VAL | {"val_labels": np.zeros(3, int)}, "val_images has 2 entries and val_labels has 3"),
        (VAL | {"val_images": np.zeros((2, 5, 5), np.uint8)}, "4 x 4 x 1 and validation images are 5 x 5 x 1"),
        ({"test_labels": None, "train_images": None}, "lacks train_images, test_labels"),
        ({"train_images": np.zeros((6, 4, 4))}, "train_images is float64, but pixels must be uint8"),
        ({"train_images": np.zeros((6, 16), np.uint8)}, r"train_images has shape \(6, 16\), expected"),
        ({"train_images": np.zeros((6, 3, 4, 4), np.uint8)}, r"train_images has shape \(6, 3, 4, 4\)"),
        (
            {"train_images": np.zeros((5, 4, 4), np.uint8)},
            "train_images has 5 entries and train_labels has 6",
        ),
        ({"test_images": np.zeros((3, 4, 5), np.uint8)}, "are 4 x 4 x 1 and test images are 4 x 5 x 1"),
        ({"test_images": np.zeros((0, 4, 4), np.uint8)}, "test_images is empty"),
        ({"test_labels": np.zeros(0, np.uint8)}, "test_labels is empty"),
        ({"train_labels": np.array([0, 1, 2, 0, 1, -1])}, "train_labels has the label -1"),
        ({"train_labels": np.array([0, 1, 2, 0, 1, 2.0])}, "train_labels is float64, but labels must be int"),
        ({"train_labels": np.array(list("abcabc"))}, "train_labels is <U1, but labels must be integers"),
        ({"train_labels": np.zeros((6, 14), int)}, r"train_labels has shape \(6, 14\).*one label an image"),
        ({"train_labels": np.array([0, 1, 2, 0, 1, 10**9])}, "largest label is 1000000000, but with 6"),
        ({"train_labels": np.array([0, "x", 2, 0, 1, 2], dtype=object)}, r"cannot be read.*Object arrays"),
    ],
)
def test_what_is_wrong_is_named(write, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        read_npz(write(**changes))
    assert "set.npz" in str(caught.value)


def test_a_label_beyond_the_known_classes(write):
    with pytest.raises(UserError, match=r"train_labels has the label 2, but the set has 2 classes, 0 … 1"):
        read_npz(write(), ("a", "b"))


@pytest.mark.parametrize("keep", [0, 3, 100, -30])
def test_a_truncated_file(write, keep):
    path = write()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"set\.npz is not an \.npz file, or is cut off"):
        read_npz(path)


def test_flipped_bits(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, **arrays())
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"set\.npz cannot be read as an \.npz file"):
        read_npz(path)


def test_a_plain_array_file(tmp_path):
    np.save(tmp_path / "set.npy", np.zeros(3))
    path = (tmp_path / "set.npy").rename(tmp_path / "set.npz")
    with pytest.raises(UserError, match=r"set\.npz is not an \.npz file"):
        read_npz(path)


def test_a_member_that_is_no_array(write):
    path = write(train_images=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train_images.npy", b"text")
    with pytest.raises(UserError, match=r"train_images is \|S4, but pixels must be uint8"):
        read_npz(path)


def test_an_archive_of_images_is_told_in_bounded_words(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        for number in range(2000):
            archive.writestr(f"../cat/{number}\n.png", b"x")
    with pytest.raises(UserError, match=r"must be unpacked and its folder named, with data\.name: folder") as caught:
        read_npz(tmp_path / "set.npz")
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"set\.npz does not exist or is not a file"):
        read_npz(tmp_path / "set.npz")
