"""Scores of generated images by hand and against their plainest form, and the stage's library function."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from gendistill.config.params import load_params
from gendistill.config.schema import QualityParams
from gendistill.evaluation import judge as module
from gendistill.evaluation import quality
from gendistill.evaluation.judge import judge
from gendistill.evaluation.quality import frechet_distance, manifold_scores, nearest
from gendistill.evaluation.yardstick import features, train_yardstick
from gendistill.runtime.errors import Stopped, UserError

ROOT = Path(__file__).resolve().parents[2]


def points(n, d, seed, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def test_frechet_distance_by_hand():
    # means (1, 0) and (0, 0): 1. Covariances diag(2, 0) (values 0, 2) and diag(8, 0) (values -2, 2):
    # tr = 2 + 8 - 2 sqrt(16) = 2. In all 3
    real = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    generated = torch.tensor([[-2.0, 0.0], [2.0, 0.0]])
    assert frechet_distance(real, generated) == pytest.approx(3)


def test_frechet_distance_is_that_of_a_matrix_root():
    """The root of C C' by the eigenvalues of the product itself, which is not symmetric."""
    real, generated = points(50, 4, 0), points(60, 4, 1, 0.3) @ torch.diag(torch.tensor([1.0, 2, 3, 0.5])).double()
    first, second = real.T.cov(), generated.T.cov()
    root = torch.linalg.eigvals(first @ second).real.sqrt().sum()
    expected = (real.mean(0) - generated.mean(0)).square().sum() + first.trace() + second.trace() - 2 * root
    assert frechet_distance(real, generated) == pytest.approx(float(expected))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_frechet_distance_is_a_distance(seed, d):
    a, b = points(20, d, seed), points(20, d, seed + 1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), abs=1e-6)
    assert frechet_distance(a, a + 2) == pytest.approx(4 * d, abs=1e-6)


def test_manifold_scores_by_hand():
    # on a line, k = 1. Real 0, 1, 10: radii 1, 1, 9. Generated 0.5, 20, 30: radii 19.5, 10, 10.
    # 0.5 is in the balls of 0, 1 and not of 10 (9.5 > 9); 20 and 30 in none: precision 1/3, density 2/(1 * 3)
    # 0, 1 and 10 are all in the ball of 0.5: recall 1; the balls of 0 and 1 are hit: coverage 2/3
    real, generated = (torch.tensor(values)[:, None] for values in ([0.0, 1.0, 10.0], [0.5, 20.0, 30.0]))
    found = manifold_scores(real, generated, 1)
    expected = {"precision": 1 / 3, "recall": 1, "density": 2 / 3, "coverage": 2 / 3}
    assert found == pytest.approx(expected)


def plain(real, generated, k):
    """The definitions, pair by pair."""

    def radius(points, i):
        return sorted(math.dist(points[i], other) for j, other in enumerate(points) if j != i)[k - 1]

    real, generated = real.tolist(), generated.tolist()
    own = [radius(real, i) for i in range(len(real))]
    other = [radius(generated, j) for j in range(len(generated))]
    near = [[math.dist(x, y) for y in generated] for x in real]
    rows, columns = range(len(real)), range(len(generated))
    return {
        "precision": sum(any(near[i][j] <= own[i] for i in rows) for j in columns) / len(generated),
        "recall": sum(any(near[i][j] <= other[j] for j in columns) for i in rows) / len(real),
        "density": sum(near[i][j] <= own[i] for i in rows for j in columns) / (k * len(generated)),
        "coverage": sum(any(near[i][j] <= own[i] for j in columns) for i in rows) / len(real),
    }


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(4, 25), st.integers(4, 25))
def test_manifold_scores_are_the_plain_ones(seed, k, n, m):
    real, generated = points(n, 2, seed), points(m, 2, seed + 1, 0.5)
    assert manifold_scores(real, generated, k) == pytest.approx(plain(real, generated, k))


def test_chunks_change_nothing(monkeypatch):
    real, generated = points(30, 3, 0), points(23, 3, 1)
    whole = manifold_scores(real, generated, 2)
    monkeypatch.setattr(quality, "CHUNK", 7)
    assert manifold_scores(real, generated, 2) == whole


@pytest.mark.parametrize("chunk", [1000, 5])
def test_the_nearest_image_is_that_of_a_search(make_bars, monkeypatch, chunk):
    monkeypatch.setattr(quality, "CHUNK", chunk)
    data, wanted = make_bars(17), make_bars(6, seed=3).images
    distance, place = nearest(wanted, data)
    for image, found, where in zip(wanted, distance.tolist(), place.tolist(), strict=True):
        away = [(image.double() - other.double()).square().mean().sqrt().item() for other in data.images]
        assert found == pytest.approx(min(away), rel=1e-4)
        assert where == away.index(min(away))


def test_an_image_is_not_its_own_neighbour(make_bars):
    data = make_bars(12)
    index = torch.tensor([3, 7])
    copied, _ = nearest(data.gather(index), data)
    assert copied.max() == 0
    away, place = nearest(data.gather(index), data, index)
    assert away.min() > 1
    assert (place != index).all()


@pytest.fixture
def params(recipe_params):
    section = QualityParams(network="convnet3", width=0.03125, epochs=4, images=20, neighbours=2)
    recipe = replace(recipe_params, whole_batch=16)
    return replace(load_params(ROOT / "params.yaml"), sources=("cgan", "ours"), quality=section, recipe=recipe)


@pytest.fixture
def judged(params, make_bars, compute, make_session, tmp_path, monkeypatch):
    """Scores and pairs when `cgan` copies training images and `ours` makes noise."""
    data = make_bars(64)

    def draw(path, labels, source, seed, compute):
        if source == "cgan":
            return data.images[[int((data.labels == label).nonzero()[0]) for label in labels.tolist()]]
        return torch.randint(0, 256, (len(labels), 1, 16, 16), generator=torch.Generator().manual_seed(0)).to(
            torch.uint8
        )

    monkeypatch.setattr(module, "draw", draw)
    return lambda **changes: judge(
        data, 4, replace(params, quality=replace(params.quality, **changes)), tmp_path,
        compute=compute, session=make_session(tmp_path),
    )  # fmt: skip


def test_copies_and_noise_are_told_apart(judged):
    found, pairs = judged()
    scores = found["scores"]
    assert list(scores) == ["real", "cgan", "ours"]
    assert (found["images"], found["neighbours"]) == (20, 2)
    assert scores["cgan"]["nearest_median"] == 0
    assert scores["cgan"]["close_share"] == 1.0
    assert scores["ours"]["close_share"] == 0.0
    assert scores["real"]["close_share"] <= 0.1
    assert scores["ours"]["frechet_distance"] > scores["real"]["frechet_distance"]
    assert torch.equal(pairs["cgan"]["generated"], pairs["cgan"]["training"])
    assert pairs["ours"]["distance"].tolist() == sorted(pairs["ours"]["distance"].tolist())


def test_a_small_training_set_is_halved_and_a_tiny_one_refused(judged):
    assert judged(images=1000)[0]["images"] == 32
    with pytest.raises(UserError, match=r"quality\.neighbours is 32, but 64 training images leave 32 for each side"):
        judged(images=1000, neighbours=32)


def test_the_yardstick_is_resumed_to_the_bit(params, make_bars, compute, make_session, tmp_path):
    data = make_bars(64)

    def train(folder, stop_after=None):
        return train_yardstick(data, 4, params, compute, make_session(tmp_path / folder, stop_after))

    straight = train("a")
    with pytest.raises(Stopped, match="quality: stopped by the test after step 5 of 100"):
        train("b", 5)
    resumed = train("b")
    pairs = zip(straight.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)
    assert not resumed.training
    found = features(straight, data.images, data.mean, data.std)
    assert torch.equal(found, straight.embed(data.batch(torch.arange(64))[0]))


def test_the_stage_writes_what_the_page_reads(finished):
    tensors = load_file(finished / "data/quality/nearest.safetensors")
    assert set(tensors) == {"ours.generated", "ours.training", "ours.distance"}
    assert tensors["ours.generated"].shape == (12, 1, 16, 16)
    assert tensors["ours.distance"].tolist() == sorted(tensors["ours.distance"].tolist())
