"""The preloaded side of the input benchmark does the same step on one batch."""

import torch

from benchmarks import input_overhead
from benchmarks.input_overhead import Same, measure, one_batch
from gendistill.data.order import Shuffled
from gendistill.data.resident import to_tanh


def test_one_batch_is_handed_out_as_it_lies_there(make_setting):
    data = make_setting().data
    batch = one_batch(data, 8)
    images, labels = batch.batch(torch.tensor([3]))
    expected, expected_labels = data.batch(torch.arange(8))
    assert images is batch.standardised
    assert torch.equal(images, expected)
    assert torch.equal(labels, expected_labels)
    everything = Same(Shuffled(8, 8, 0, "gan", "cpu")).index(5)
    assert batch.images[everything].data_ptr() == batch.images.data_ptr()
    assert torch.equal(to_tanh(batch.images[everything]), to_tanh(data.images[:8]))


def test_the_first_losses_are_those_of_a_fed_step_on_that_batch(make_setting):
    setting = make_setting()
    params, state = setting.params.gan, setting.gan()
    data = one_batch(setting.data, params.batch_size)
    first = setting.data.images[: params.batch_size]

    class First(Same):
        def index(self, step):
            return torch.arange(params.batch_size)

    order = First(setting.order(params.batch_size, "gan"))
    fed = input_overhead.gan_train_step(state, setting.data, order, params, 0, setting.compute)
    assert torch.equal(data.images.to(torch.uint8), first)
    assert fed.tolist() == input_overhead.preloaded_gan(setting)()


def test_the_ratio_is_one_plus_the_overhead(make_setting):
    entry = measure(make_setting(), "input_overhead")
    assert entry.ratio_is == "ours / reference"
    assert entry.ratio == entry.ours_seconds / entry.reference_seconds
