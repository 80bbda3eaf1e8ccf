"""Random streams: pinned, independent of each other, and no trace on the global one."""

import hashlib
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gendistill.runtime import seeds
from gendistill.runtime.streams import derive_seed, generator, seeded

GOLDEN = (6313582648668720899, 8333924190356522945)  # of (0, "gan", "init") and of (7)
PARTS = st.one_of(st.text(max_size=8), st.integers(0, 10**6))


def test_golden_seeds() -> None:
    """Changing these changes every result. They are half of blake2b of "0/gan/init" and of "7"."""
    assert derive_seed(0, "gan", "init") == GOLDEN[0]
    assert derive_seed(7) == GOLDEN[1]
    assert derive_seed is seeds.derive_seed
    for seed, text in zip(GOLDEN, (b"0/gan/init", b"7"), strict=True):
        assert seed == int(hashlib.blake2b(text, digest_size=8).hexdigest(), 16) // 2


def test_golden_numbers() -> None:
    """On the CPU, torch's Mersenne twister."""
    numbers = torch.rand(3, generator=generator("cpu", 0, "gan", "generator", 5))
    torch.testing.assert_close(numbers, torch.tensor([0.0887739, 0.9914367, 0.6356577]), rtol=0, atol=1e-6)


@given(root=st.integers(0, 2**31), path=st.lists(PARTS, max_size=4))
def test_seeds_fit_a_generator_and_depend_on_everything(root: int, path: list[str | int]) -> None:
    seed = derive_seed(root, *path)
    assert 0 <= seed < 2**63
    assert derive_seed(root, *path) == seed
    assert derive_seed(root + 1, *path) != seed
    assert derive_seed(root, *path, 0) != seed
    torch.Generator().manual_seed(seed)


def test_the_streams_of_a_run_do_not_meet() -> None:
    """No seed twice over purposes, students and steps."""
    purposes = ("gan/generator", "gan/discriminator", "distill/generator", "pool/init", "student/init")
    drawn = [derive_seed(root, *name.split("/"), step) for root, name, step in product(range(3), purposes, range(500))]
    assert len(set(drawn)) == len(drawn)


def test_equal_streams_give_equal_numbers_and_others_do_not() -> None:
    def draw(*path: str | int) -> list[float]:
        numbers: list[float] = torch.rand(5, generator=generator("cpu", *path)).tolist()  # type: ignore[arg-type]
        return numbers

    assert draw(0, "a", 1) == draw(0, "a", 1)
    different = [draw(0, "a", 1), draw(1, "a", 1), draw(0, "b", 1), draw(0, "a", 2)]
    assert len({tuple(numbers) for numbers in different}) == 4


def test_streams_of_neighbouring_steps_are_uncorrelated() -> None:
    numbers = torch.stack([torch.randn(4000, generator=generator("cpu", 0, "noise", step)) for step in range(20)])
    others = torch.corrcoef(numbers) - torch.eye(20)
    assert others.abs().max() < 0.08  # five standard deviations of 1 / sqrt(4000)


def test_the_global_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(2, generator=generator("cpu", 0, "a"))
    with seeded(3, "init"):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(10)  # wherever the global stream stands
    with seeded(3, "init"):
        assert torch.equal(torch.rand(4), first)
    with seeded(3, "other"):
        assert not torch.equal(torch.rand(4), first)


def test_the_global_stream_is_put_back_after_an_error() -> None:
    before = torch.get_rng_state()

    def failing() -> None:
        with seeded(0, "init"):
            torch.rand(1)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        failing()
    assert torch.equal(torch.get_rng_state(), before)
