"""The tensor file written block by block is the one that safetensors itself would write."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from gendistill.data.tensor_file import header, write_split


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.sampled_from([1, 3]), st.sampled_from([1, 16, 32]))
def test_the_header_is_that_of_safetensors(n, channels, size):
    own = header(n, (channels, size, size))
    n = min(n, 12)
    whole = save({"images": np.zeros((n, channels, size, size), np.uint8), "labels": np.zeros(n, np.int64)})
    assert whole.startswith(header(n, (channels, size, size)))
    assert len(own) % 8 == 0


@pytest.mark.parametrize("block", [1, 3, 7])
def test_the_file_is_that_of_safetensors_and_the_checksum_that_of_its_tensors(tmp_path, block):
    images = (np.arange(7 * 3 * 4 * 4) % 251).astype(np.uint8).reshape(7, 3, 4, 4)
    labels = np.array([3, 1, 4, 1, 5, 9, 2])
    digest = hashlib.sha256(b"before")
    blocks = ((images[i : i + block], np.full((3, 256), len(images[i : i + block]))) for i in range(0, 7, block))
    counts = write_split(tmp_path / "a", "train", labels, (3, 4, 4), blocks, digest)
    assert (tmp_path / "a").read_bytes() == save({"images": images, "labels": labels})
    assert np.array_equal(load_file(tmp_path / "a")["images"], images)
    assert (counts == 7).all()
    plain = (
        b"before" + b"train/images/|u1/(7, 3, 4, 4)" + images.tobytes() + b"train/labels/<i8/(7,)" + labels.tobytes()
    )
    assert digest.hexdigest() == hashlib.sha256(plain).hexdigest()
