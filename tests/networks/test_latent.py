"""Latents and the layout of the label in them."""

import pytest
import torch

from gendistill.networks.latent import concat_label, overwrite_label, sample_latent
from gendistill.runtime.streams import generator


def test_overwriting_replaces_the_first_entries_and_keeps_the_others() -> None:
    z = torch.arange(10, dtype=torch.float32).reshape(2, 5) + 10
    joined = overwrite_label(z, torch.tensor([2, 0]), 3)
    assert joined.tolist() == [[0, 0, 1, 13, 14], [1, 0, 0, 18, 19]]
    assert z[0, 0] == 10  # the noise itself is left alone


def test_concatenation_appends_the_label() -> None:
    z = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    assert concat_label(z, torch.tensor([1, 0]), 2).tolist() == [[5, 6, 0, 1], [7, 8, 1, 0]]


def test_gradients_reach_only_the_noise_that_counts() -> None:
    z = torch.randn(2, 5, requires_grad=True)
    overwrite_label(z, torch.tensor([0, 1]), 3).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0, 0, 0, 1, 1]] * 2


@pytest.mark.parametrize("num_classes", [4, 5])
def test_overwriting_all_of_the_noise_is_an_error(num_classes: int) -> None:
    with pytest.raises(ValueError, match=f"4 latent entries for {num_classes} classes leave no noise"):
        overwrite_label(torch.zeros(1, 4), torch.zeros(1, dtype=torch.int64), num_classes)


def test_noise_is_standard_normal_and_comes_from_the_stream() -> None:
    before = torch.get_rng_state()
    z = sample_latent(4000, 20, "cpu", generator("cpu", 0, "z"))
    assert torch.equal(z, sample_latent(4000, 20, "cpu", generator("cpu", 0, "z")))
    assert torch.equal(torch.get_rng_state(), before)
    assert z.mean().abs() < 0.02  # 80,000 draws: deviation of the mean 0.0035
    assert (z.std() - 1).abs() < 0.02
