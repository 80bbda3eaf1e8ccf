import json

import pytest
import torch
from safetensors.torch import save_file

from gendistill.data.info import DataInfo, load_info
from gendistill.data.load import load_split
from gendistill.data.resident import ResidentImages, from_tanh, standardise, to_tanh, to_uint8
from gendistill.runtime.errors import UserError

LIMIT = 1  # MiB; none of these sets has as much
MEAN, STD = torch.tensor([0.5, 0.2, 0.0]), torch.tensor([0.25, 0.5, 1.0])


def coded(n: int) -> ResidentImages:
    """Image i is i everywhere, and its label is i % 3."""
    values = torch.arange(n, dtype=torch.uint8)
    images = values[:, None, None, None].expand(n, 3, 2, 2).contiguous()
    return ResidentImages(images, values.long() % 3, MEAN, STD)


def test_standardise_by_hand():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    assert standardise(images, MEAN, STD).flatten().tolist() == pytest.approx([-2.0, 0.0, 1.0])
    assert torch.equal(standardise(images, MEAN, STD), standardise(images.float() / 255, MEAN, STD))


def test_the_three_ranges_agree():
    pixels = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1).expand(256, 3, 1, 1)
    generated = pixels.float() / 127.5 - 1
    assert torch.equal(to_uint8(generated), pixels)
    torch.testing.assert_close(to_tanh(pixels), generated)
    torch.testing.assert_close(from_tanh(generated, MEAN, STD), standardise(pixels, MEAN, STD))


def test_to_uint8_rounds_and_clamps():
    images = torch.tensor([-1.5, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 1.0, 1.5]).view(6, 1, 1, 1)
    assert to_uint8(images).flatten().tolist() == [0, 0, 0, 1, 255, 255]


def test_gradients_reach_generated_images():
    images = torch.zeros(2, 3, 2, 2, requires_grad=True)
    from_tanh(images, MEAN, STD).sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad[0, :, 0, 0], 0.5 / STD)


def test_a_batch_pairs_images_with_labels():
    data = coded(30)
    index = torch.tensor([29, 0, 7, 7])
    images, labels = data.batch(index)
    assert labels.tolist() == [2, 0, 1, 1]
    codes = images[:, 2, 0, 0] * 255
    assert codes.round().long().tolist() == index.tolist()
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64


def test_random_batches_are_pure_and_paired():
    data = coded(30)
    images, labels = data.random_batch(16, 0, "inner", 5)
    again, labels_again = data.random_batch(16, 0, "inner", 5)
    other, _ = data.random_batch(16, 0, "inner", 6)
    assert torch.equal(images, again)
    assert torch.equal(labels, labels_again)
    assert not torch.equal(images, other)
    assert ((images[:, 2, 0, 0] * 255).round().long() % 3).tolist() == labels.tolist()


def write_prepared(folder, counts):
    info = DataInfo("coded", ("a", "b", "c"), 3, 2, counts, (0.5, 0.2, 0.0), (0.25, 0.5, 1.0), {}, "0", ("n",))
    (folder / "info.json").write_text(json.dumps(info.to_dict()))
    for split, count in counts.items():
        data = coded(count)
        save_file({"images": data.images, "labels": data.labels}, folder / f"{split}.safetensors")
    return info


def test_load_split_reads_what_was_written(tmp_path):
    info = write_prepared(tmp_path, {"train": 9, "held_out": 0, "test": 4})
    assert load_info(tmp_path) == info
    assert info.num_classes == 3
    train, held_out, test = (load_split(tmp_path, split, "cpu", LIMIT) for split in info.counts)
    assert (len(train), len(held_out), len(test)) == (9, 0, 4)
    assert torch.equal(train.images, coded(9).images)
    assert torch.equal(train.labels, coded(9).labels)
    for split in (held_out, test):
        assert torch.equal(split.mean, MEAN)
        assert torch.equal(split.std, STD)


def test_an_unprepared_folder_says_so(tmp_path):
    with pytest.raises(UserError, match=r"info\.json does not exist: run `dvc repro prepare`"):
        load_split(tmp_path, "train", "cpu", LIMIT)


@pytest.mark.parametrize("content", ["{", "[1]", "{}", '{"name": "x", "extra": 1}'])
def test_a_damaged_info_says_so(tmp_path, content):
    (tmp_path / "info.json").write_text(content)
    with pytest.raises(UserError, match="is not a description of prepared data"):
        load_info(tmp_path)


def test_a_truncated_split_says_so(tmp_path):
    write_prepared(tmp_path, {"train": 9, "held_out": 0, "test": 4})
    path = tmp_path / "train.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"train\.safetensors cannot be read .*: delete"):
        load_split(tmp_path, "train", "cpu", LIMIT)


def test_a_split_of_another_size_says_so(tmp_path):
    write_prepared(tmp_path, {"train": 9, "held_out": 0, "test": 4})
    save_file({"images": coded(8).images, "labels": coded(8).labels}, tmp_path / "train.safetensors")
    with pytest.raises(UserError, match=r"\(8, 3, 2, 2\) of U8.*promises .*\(9, 3, 2, 2\) of U8"):
        load_split(tmp_path, "train", "cpu", LIMIT)
