"""A distilled set in Python: which image comes from which label, ranges, and streams that never repeat each other."""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import gendistill
from gendistill.artifact.fixed import save_fixed_set
from gendistill.artifact.sampling import fixed_set, load_generator
from gendistill.data.fit import resize
from gendistill.runtime.errors import UserError


@pytest.fixture
def tensors(tensors):
    """Images with contrast, so that two of them are never equal by rounding to 8 bits."""
    return tensors | {"paint.0.weight": 30 * tensors["paint.0.weight"]}


@pytest.fixture
def loaded(artifact):
    return gendistill.load(artifact)


def take(stream, number):
    return [images for images, _ in itertools.islice(stream, number)]


def distinct(images):
    return len({image.numpy().tobytes() for image in images})


def test_the_set_tells_what_it_is(loaded, artifact):
    assert loaded.classes == ("null", "één", "two", "three")
    assert loaded.image_shape == (1, 16, 16)
    assert loaded.card["source"] == "ours"
    assert loaded.path == artifact
    assert isinstance(loaded, gendistill.Artifact)


# --- images drawn once


def test_the_data_set_is_that_of_the_generate_stage(loaded, artifact, params):
    images, labels = fixed_set(load_generator(artifact, "cpu"), 3, seed=params.seed, source="ours")
    data = loaded.dataset(ipc=3)
    assert torch.equal(data.images, images)
    assert torch.equal(data.labels, labels)
    assert len(data) == 12
    assert not torch.equal(loaded.dataset(ipc=3, seed=5).images, images)


def test_items_are_standardised_or_what_the_transform_makes_of_them(loaded):
    data = loaded.dataset(ipc=2)
    image, label = data[5]
    assert label == 2
    torch.testing.assert_close(image, (data.images[5] / 255 - 0.25) / 0.5)  # mean and std of the card
    raw, _ = loaded.dataset(ipc=2, transform=lambda pixels: pixels)[5]
    assert torch.equal(raw, data.images[5])


def test_a_loader_takes_it_like_any_other(loaded):
    batches = list(DataLoader(loaded.dataset(ipc=3), batch_size=5, num_workers=2))
    assert [len(labels) for _, labels in batches] == [5, 5, 2]
    assert torch.cat([labels for _, labels in batches]).tolist() == loaded.dataset(ipc=3).labels.tolist()


# --- new images at every step


def test_fresh_batches_repeat_when_asked_again_and_never_within(loaded):
    stream = loaded.fresh(batch_size=6, seed=1)
    first, again = take(stream, 4), take(stream, 4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert distinct(torch.cat(first)) == 24
    assert not torch.equal(take(loaded.fresh(batch_size=6, seed=2), 1)[0], first[0])


def test_an_epoch_has_images_of_its_own(loaded):
    stream = loaded.fresh(batch_size=6, seed=1)
    first = take(stream, 1)[0]
    stream.set_epoch(1)
    assert not torch.equal(take(stream, 1)[0], first)
    stream.set_epoch(0)
    assert torch.equal(take(stream, 1)[0], first)


def test_classes_take_turns_in_random_order(loaded):
    labels = [labels for _, labels in itertools.islice(loaded.fresh(batch_size=6, seed=0), 8)]
    assert torch.bincount(torch.cat(labels)).tolist() == [12] * 4
    assert len({tuple(part.tolist()) for part in labels}) == 8
    assert all(torch.bincount(part, minlength=4).min() >= 1 for part in labels)


def test_an_image_has_the_label_that_it_is_given(loaded):
    ((images, labels),) = itertools.islice(loaded.fresh(batch_size=64, seed=0), 1)
    means = torch.stack([images[labels == k].mean(0) for k in range(4)])
    other = torch.stack([loaded.normalise(loaded.sample([k] * 64)).mean(0) for k in range(4)])
    assert (means[:, None] - other[None]).square().sum((2, 3, 4)).argmin(1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_and_epochs_share_no_image(loaded, persistent):
    stream = loaded.fresh(batch_size=4, seed=0)
    loader = DataLoader(stream, batch_size=None, num_workers=2, persistent_workers=persistent)
    first = take(loader, 6)
    again = take(loader, 6)
    stream.set_epoch(1)
    other = take(loader, 6)
    assert distinct(torch.cat(first)) == 24
    assert distinct(torch.cat(first + again)) == 24
    assert distinct(torch.cat(first + other)) == 48
    assert torch.equal(first[0], take(loaded.fresh(batch_size=4, seed=0), 1)[0])  # worker 0 is the plain stream


def test_ranks_share_no_image(loaded, monkeypatch):
    ranks = [take(loaded.fresh(batch_size=4, seed=0, rank=rank), 3) for rank in range(3)]
    assert distinct(torch.cat(list(itertools.chain.from_iterable(ranks)))) == 36
    monkeypatch.setenv("RANK", "2")  # torchrun
    assert torch.equal(take(loaded.fresh(batch_size=4, seed=0), 1)[0], ranks[2][0])


def test_the_rank_is_that_of_the_process_group(loaded, monkeypatch):
    early = loaded.fresh(batch_size=4, seed=0)  # made before there is a group
    expected = take(loaded.fresh(batch_size=4, seed=0, rank=1), 1)[0]
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    spawned = pickle.loads(pickle.dumps(early))  # as a worker process is given it
    assert torch.equal(take(early, 1)[0], expected)
    monkeypatch.undo()
    assert torch.equal(take(spawned, 1)[0], expected)
    assert not torch.equal(take(early, 1)[0], expected)


def gather_fresh(rank: int, path: str, folder: str) -> None:
    """One of two processes that look at two epochs and show each other what they saw; workers are spawned, too."""
    stream = gendistill.load(path).fresh(batch_size=4, seed=0)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    loader = DataLoader(stream, batch_size=None, num_workers=1, persistent_workers=True)
    seen = []
    for epoch in range(2):
        stream.set_epoch(epoch)
        seen += take(loader, 4)
    everything = [torch.empty(2 * 4 * 4, *seen[0].shape[1:]) for _ in range(2)]
    torch.distributed.all_gather(everything, torch.cat(seen))
    torch.save(torch.cat(everything), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_real_processes_share_no_image(loaded, tmp_path):
    torch.multiprocessing.spawn(gather_fresh, (str(loaded.path), str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert torch.equal(first, second)
    assert distinct(first) == 2 * 2 * 4 * 4  # processes, epochs, batches, images


# --- samples and ranges


def test_samples_are_pixels_of_the_labels_asked_for(loaded):
    draw = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    images = loaded.sample([3, 0, 3], draw())
    assert images.dtype == torch.uint8
    assert images.shape == (3, 1, 16, 16)
    assert torch.equal(loaded.sample(torch.tensor([3, 0, 3]), draw()), images)
    assert not torch.equal(loaded.sample([3, 0, 0], draw())[2], images[2])


def test_without_a_stream_torchs_own_decides(loaded):
    torch.manual_seed(7)
    first, second = loaded.sample([1]), loaded.sample([1])
    torch.manual_seed(7)
    assert torch.equal(loaded.sample([1]), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("labels", [[4], [-1], [0.5], [[0]], torch.zeros(2)])
def test_labels_that_are_no_classes_are_refused(loaded, labels):
    with pytest.raises(UserError, match="sample: labels must be a list of whole numbers from 0 to 3, found"):
        loaded.sample(labels)


def test_pixels_and_fractions_are_standardised_alike(loaded):
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    expected = (torch.tensor([0.0, 0.2, 1.0]).view(3, 1, 1, 1) - 0.25) / 0.5
    torch.testing.assert_close(loaded.normalise(pixels), expected)
    torch.testing.assert_close(loaded.normalise(pixels / 255), expected)
    with pytest.raises(UserError, match=r"normalise: images have shape \[2, 3, 16, 16\], expected \(\.\.\., 1, height"):
        loaded.normalise(torch.zeros(2, 3, 16, 16))


def test_real_images_are_fitted_as_the_training_images_were(loaded):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    expected = loaded.normalise(torch.from_numpy(resize(pixels[None, ..., None], 16)[0].transpose(2, 0, 1)))
    for image in (pixels, pixels[..., None], torch.from_numpy(pixels)[None], Image.fromarray(pixels)):
        assert torch.equal(loaded.transform(image), expected)
    colour = Image.fromarray(np.stack([pixels] * 3, -1))
    torch.testing.assert_close(loaded.transform(colour), expected, rtol=0, atol=0.01)


def test_an_image_of_another_kind_is_refused(loaded):
    with pytest.raises(UserError, match=r"transform: the image is uint8 of shape \[8, 8, 3\].*needs uint8 with 1 chan"):
        loaded.transform(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="transform: the image is float64"):
        loaded.transform(np.zeros((8, 8)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: a.dataset(ipc=0), "ipc is 0"),
        (lambda a: a.dataset(seed=-1), "seed is -1"),
        (lambda a: a.fresh(batch_size=0), "batch_size is 0"),
        (lambda a: a.fresh(seed=-1), "seed is -1"),
        (lambda a: a.fresh(rank=-1), "rank is -1"),
    ],
)
def test_numbers_that_are_too_small_are_refused(loaded, call, text):
    with pytest.raises(UserError, match=text):
        call(loaded)


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_there_is_named(artifact, device):
    with pytest.raises(UserError, match=f"device '{device}' cannot be used here"):
        gendistill.load(artifact, device=device)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_images_are_made_there_and_close_to_the_cpus(artifact):
    loaded = gendistill.load(artifact, device="cuda")
    assert loaded.sample([0, 1]).is_cuda
    assert take(loaded.fresh(batch_size=4), 1)[0].is_cuda
    assert not loaded.dataset(ipc=1).images.is_cuda
    assert not loaded.transform(np.zeros((8, 8), np.uint8)).is_cuda
    with pytest.raises(UserError, match="set num_workers=0"):
        next(iter(DataLoader(loaded.fresh(batch_size=4), batch_size=None, num_workers=1)))


def test_a_fixed_set_can_be_kept(loaded, tmp_path):
    data = loaded.dataset(ipc=2)
    save_fixed_set(tmp_path / "set.safetensors", data.images, data.labels)


# --- the package


def test_importing_the_package_is_light():
    code = """
import sys, gendistill
print(sorted({"torch", "numpy", "typer", "dvc"} & set(sys.modules)), "load" in dir(gendistill))
gendistill.load
print("torch" in sys.modules, "dvc" in sys.modules)
try:
    gendistill.nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[] True", "True False", "module 'gendistill' has no attribute 'nothing'",
    ]  # fmt: skip
