"""What methods that make a fixed set of images may be set to; the methods are in `gendistill.config.methods`."""

from typing import Final

IMAGE_STARTS: Final = {
    "real": "random training images",
    "noise": "standard normal noise in the standardised space",
}

GRADIENT_DISTANCES: Final = {
    "cosine": "one minus the cosine of every output unit's weights' gradient, summed (DC)",
    "cosine_euclidean": "the same plus the Euclidean distance of every output unit (EGM)",
}

INNER_SCHEDULES: Final = {
    "constant": "the same number of inner epochs after every outer step (DC)",
    "decreasing": "50, 40, 30, 20, then 10, and 5 from the tenth outer step on (EGM)",
}
