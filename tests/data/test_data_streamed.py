"""Images that stay on disk: the numbers of resident ones, a few batches in memory, a thread that ends and tells."""

import json
import os
import threading
import traceback
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from gendistill.data import streamed as module
from gendistill.data.info import DataInfo
from gendistill.data.load import load_split, tensor_start
from gendistill.data.order import InTurn, Shuffled
from gendistill.data.resident import ResidentImages
from gendistill.data.streamed import AHEAD, StreamedImages
from gendistill.runtime.errors import UserError

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def random_set(n, channels=3, size=4, device="cpu"):
    """Images of random bytes, so that no two are alike."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, channels, size, size), generator=draw, dtype=torch.uint8)
    mean, std = torch.full((channels,), 0.3), torch.full((channels,), 0.2)
    return ResidentImages(*(tensor.to(device) for tensor in (images, torch.arange(n) % 3, mean, std)))


@pytest.fixture
def both(make_streamed):
    resident = random_set(23)
    return resident, make_streamed(resident)


def same(batch, other):
    return all(torch.equal(mine, theirs) for mine, theirs in zip(batch, other, strict=True))


# --- the numbers


def test_a_set_tells_the_same_of_itself_wherever_it_lies(both):
    for data in both:
        assert (len(data), data.shape, data.channels, data.image_size) == (23, (23, 3, 4, 4), 3, 4)
        assert data.image_bytes == 23 * 48
        assert data.device == torch.device("cpu")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(positions=st.lists(st.integers(0, 22), max_size=30))
def test_any_gather_is_that_of_the_resident_form(both, positions):
    resident, streamed = both
    index = torch.tensor(positions, dtype=torch.int64)
    assert streamed.gather(index).dtype == torch.uint8
    assert torch.equal(streamed.gather(index), resident.images[index])
    assert same(streamed.batch(index), resident.batch(index))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(0, 12), max_size=12))
def test_followed_batches_are_those_of_the_order_in_any_order(both, steps):
    """Also across epochs, of five batches each."""
    resident, streamed = both
    order = Shuffled(23, 4, 7, "test", "cpu")
    with streamed.follow(Shuffled(23, 4, 7, "test", "cpu")) as followed:
        for step in steps:
            index = followed.index(step)
            assert torch.equal(index, order.index(step))
            assert same(streamed.batch(index), resident.batch(index))
            assert same(streamed.batch(index), resident.batch(index))  # a second time


def test_two_orders_are_followed_at_once(both):
    resident, streamed = both
    orders = [Shuffled(23, 4, seed, "test", "cpu") for seed in (0, 1)]
    with streamed.follow(orders[0]) as first, streamed.follow(orders[1]) as second:
        for step in range(12):
            for followed, seed in ((first, 0), (second, 1)):
                index = Shuffled(23, 4, seed, "test", "cpu").index(step)
                assert torch.equal(streamed.gather(followed.index(step)), resident.images[index])


def test_in_turn_goes_once_through_the_set():
    order = InTurn(7, 3, "cpu")
    assert order.steps == 3
    assert [order.index(step).tolist() for step in range(5)] == [[0, 1, 2], [3, 4, 5], [6], [], []]
    assert InTurn(6, 3, "cpu").steps == 2
    assert InTurn(0, 3, "cpu").steps == 0


@pytest.mark.parametrize("position", [-1, 23])
def test_a_position_outside_of_the_set_is_refused(both, position):
    with pytest.raises(IndexError, match=f"position {position} is outside of the 23 images"):
        both[1].gather(torch.tensor([0, position]))


# --- reading ahead


@pytest.fixture
def noted(both, monkeypatch):
    """The streamed set, and what is read: positions and thread."""
    calls, read = [], StreamedImages.read

    def spy(self, index):
        calls.append((index.tolist(), threading.current_thread() is threading.main_thread()))
        return read(self, index)

    monkeypatch.setattr(StreamedImages, "read", spy)
    return both[1], calls


def test_every_batch_is_read_once_in_its_order_by_the_thread(noted):
    data, calls = noted
    order = InTurn(23, 4, "cpu")
    with data.follow(order) as followed:
        for step in range(6):
            data.gather(followed.index(step))
    assert [positions for positions, _ in calls][:6] == [order.index(step).tolist() for step in range(6)]
    assert not any(in_main for _, in_main in calls)


def test_the_next_batches_are_read_while_the_loop_has_the_current_one(noted):
    data, calls = noted
    with data.follow(InTurn(23, 4, "cpu")) as followed:
        data.gather(followed.index(0))
        for announced in data.coming:
            announced.arrival.result(timeout=60)
            assert len(announced.index) == 4
    assert len(calls) == 3  # the current one and two ahead


def test_an_index_nobody_announced_is_read_at_once(noted):
    data, calls = noted
    with data.follow(InTurn(23, 4, "cpu")) as followed:
        announced = followed.index(0)
        assert torch.equal(data.gather(announced.clone()), data.gather(announced))
    assert [in_main for _, in_main in calls].count(True) == 1


def test_nothing_is_kept_of_what_is_past_or_closed(both):
    _, data = both
    with data.follow(InTurn(23, 4, "cpu")) as followed:
        for step in range(4):
            data.gather(followed.index(step))
            assert len(data.coming) == 1 + AHEAD
    assert not data.coming
    assert not followed.window


def test_a_closed_order_begins_anew(both, reading):
    resident, data = both
    followed = data.follow(InTurn(23, 4, "cpu"))
    assert reading() == []  # none before there is something to read
    for _ in range(2):
        assert torch.equal(data.gather(followed.index(1)), resident.images[4:8])
        assert len(reading()) == 1
        followed.close()
        assert reading() == []


# --- how it ends


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_thread_ends_with_the_loop_however_it_ends(both, reading, error):
    _, data = both

    def loop():
        with data.follow(InTurn(23, 4, "cpu")) as followed:
            data.gather(followed.index(0))
            assert len(reading()) == 1
            raise error

    with pytest.raises(error):
        loop()
    assert reading() == []


def test_an_error_of_the_thread_is_raised_where_its_batch_is_asked_for(both, reading, monkeypatch):
    _, data = both
    read = StreamedImages.read

    def broken(self, index):
        if 4 in index.tolist():
            raise ZeroDivisionError("in the thread")
        return read(self, index)

    monkeypatch.setattr(StreamedImages, "read", broken)
    with data.follow(InTurn(23, 4, "cpu")) as followed:
        data.gather(followed.index(0))  # step 1 fails meanwhile
        index = followed.index(1)
        with pytest.raises(ZeroDivisionError, match="in the thread") as caught:
            data.gather(index)
    assert "broken" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert reading() == []


def test_a_file_cut_short_while_in_use_says_so(both):
    _, data = both
    with data.follow(InTurn(23, 4, "cpu")) as followed:
        data.gather(followed.index(0))
        for announced in data.coming:
            announced.arrival.result(timeout=60)
        os.truncate(data.path, data.start + 20 * 48 - 1)  # image 19 lacks a byte
        for step in (1, 2, 3):
            data.gather(followed.index(step))
        end = data.start + 20 * 48
        with pytest.raises(
            UserError,
            match=rf"train\.safetensors cannot be read \(it ends before byte {end}; .*\): delete .*prepared0 and",
        ):
            data.gather(followed.index(4))
        with pytest.raises(UserError, match="it was cut short while in use"):
            data.gather(torch.tensor([19]))


def test_a_disk_that_fails_says_so(both, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.os, "pread", fail)
    with pytest.raises(UserError, match=r"train\.safetensors cannot be read \(Input/output error\): delete"):
        both[1].gather(torch.tensor([0]))


def test_a_file_deleted_while_in_use_is_read_on(both):
    resident, data = both
    data.path.unlink()
    assert torch.equal(data.gather(torch.tensor([22, 0])), resident.images[[22, 0]])


def test_the_file_is_closed_with_the_set(make_streamed):
    data = make_streamed(random_set(4))
    file = data.file
    os.fstat(file)
    del data
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


# --- memory


def test_no_more_than_a_few_batches_are_in_memory(make_streamed, monkeypatch):
    """Bytes of all images that were read and not let go of, over two epochs of 50 batches."""
    data = make_streamed(random_set(400, size=8))
    read, lock = StreamedImages.read, threading.Lock()
    now = peak = 0

    def change(by):
        nonlocal now, peak
        with lock:
            now += by
            peak = max(peak, now)

    def counted(self, index):
        images = read(self, index)
        change(images.nbytes)
        weakref.finalize(images, change, -images.nbytes)
        return images

    monkeypatch.setattr(StreamedImages, "read", counted)
    with data.follow(Shuffled(400, 8, 0, "test", "cpu")) as followed:
        for step in range(100):
            data.batch(followed.index(step))
    batch = 8 * 3 * 8 * 8
    # the current one and those ahead; for a moment, one that is being let go of, and one in the thread's hands
    assert (1 + AHEAD) * batch <= peak <= (3 + AHEAD) * batch
    assert peak < data.image_bytes / 8


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="resident bytes are read from /proc")
@pytest.mark.parametrize(("limit", "low", "high"), [(0, 0, 24), (64, 60, 200)], ids=["streamed", "resident"])
def test_memory_of_the_process_stays_below_the_size_of_the_set(tmp_path, limit, low, high):
    """64 MiB of images, gathered once through; the resident form shows that the measure sees them."""
    write_prepared(tmp_path, {"train": 16384, "held_out": 0, "test": 1}, size=64, channels=1)

    def resident_mib():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    before, peak = resident_mib(), 0.0
    data = load_split(tmp_path, "train", "cpu", limit)
    with data.follow(Shuffled(16384, 128, 0, "test", "cpu")) as followed:
        for step in range(128):
            data.gather(followed.index(step))
            peak = max(peak, resident_mib() - before)
    assert low <= peak <= high


# --- opening


def write_prepared(folder, counts, size=4, channels=3):
    info = DataInfo(
        "random", ("a", "b", "c"), channels, size, counts, (0.3,) * channels, (0.2,) * channels, {}, "0", ()
    )
    (folder / "info.json").write_text(json.dumps(info.to_dict()))
    for split, count in counts.items():
        data = random_set(count, channels, size)
        save_file({"images": data.images, "labels": data.labels}, folder / f"{split}.safetensors")


@pytest.mark.parametrize(
    ("images", "limit", "kind"),
    [(512, 1, ResidentImages), (513, 1, StreamedImages), (1, 0, StreamedImages), (0, 0, ResidentImages)],
)
def test_a_set_above_the_limit_is_streamed(tmp_path, images, limit, kind):
    """512 images of 2048 bytes are one MiB; an empty set has nothing to stream."""
    write_prepared(tmp_path, {"train": 1, "held_out": 1, "test": images}, size=32, channels=2)
    data = load_split(tmp_path, "test", "cpu", limit)
    assert type(data) is kind
    expected = random_set(images, 2, 32)
    everything = torch.arange(images)
    assert torch.equal(data.gather(everything), expected.images)
    assert torch.equal(data.labels, expected.labels)
    assert torch.equal(data.mean, expected.mean)
    assert torch.equal(data.std, expected.std)


def test_images_begin_where_the_header_says(tmp_path):
    """Wherever the file keeps them: here behind another tensor."""
    data = random_set(5)
    path = tmp_path / "any.safetensors"
    save_file({"a": torch.zeros(3, dtype=torch.float64), "images": data.images}, path)
    start = tensor_start(path, "images")
    assert path.read_bytes()[start : start + 240] == data.images.numpy().tobytes()


@pytest.mark.parametrize("limit", [0, 1])
def test_a_damaged_file_is_refused_before_it_is_used(tmp_path, limit):
    write_prepared(tmp_path, {"train": 9, "held_out": 0, "test": 4})
    path = tmp_path / "train.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-5], whole[:4], b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"train\.safetensors cannot be read .*: delete"):
            load_split(tmp_path, "train", "cpu", limit)
    path.unlink()
    with pytest.raises(UserError, match=r"train\.safetensors cannot be read .*: delete"):
        load_split(tmp_path, "train", "cpu", limit)
    save_file({"images": torch.zeros(9, 3, 4, 4), "labels": torch.zeros(9, dtype=torch.int64)}, path)
    with pytest.raises(UserError, match=r"\(9, 3, 4, 4\) of F32.*promises .*\(9, 3, 4, 4\) of U8.*: delete"):
        load_split(tmp_path, "train", "cpu", limit)


# --- on a GPU


@GPU
@pytest.mark.gpu
def test_batches_on_a_gpu_are_those_of_the_resident_form(tmp_path):
    """With work queued before and after every gather, so that a copy nobody waits for would show."""
    write_prepared(tmp_path, {"train": 4096, "held_out": 0, "test": 1}, size=32)
    resident, streamed = (load_split(tmp_path, "train", "cuda", limit) for limit in (64, 0))
    busy = torch.randn(2048, 2048, device="cuda")
    with streamed.follow(Shuffled(4096, 256, 0, "test", "cuda")) as followed:
        for step in range(64):
            busy = (busy @ busy).tanh()
            index = followed.index(step)
            assert streamed.gather(index).is_cuda
            assert same(streamed.batch(index), resident.batch(index))
