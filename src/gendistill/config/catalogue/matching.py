"""Kinds of matching: pools of networks, forms of Eq. 6 and 7, choice of a snapshot."""

from typing import Final

POOL_KINDS: Final = {
    "drawn": "one network at a time, of an architecture drawn at random",
    "resident": "several networks of staggered ages that take turns",
}

GLOBAL_LOGITS: Final = {
    "log_softmax": "Eq. 6 on log-probabilities, as DiM's code does",
    "raw": "Eq. 6 on the logits as printed",
}

REDUCTIONS: Final = {
    "mean": "mean over batch and classes",
    "sum": "sum over batch and classes, Eq. 6 as printed",
}

LOCAL_FORMS: Final = {
    "batch_mean_l2": "squared difference of the batch means, summed",
    "batch_mean_l1": "absolute difference of the batch means, summed",
    "class_mean_l2": "squared difference of the class means, summed, averaged over classes",
    "paired_l2": "squared difference of image pairs, Eq. 7 as printed",
}

SELECTIONS: Final = {
    "last": "the last snapshot",
    "held_out": "the snapshot that is best on the held-out images",
}
