"""A network of your own as a student: python examples/add_network.py. docs/howto/add-a-network.md explains it."""

from pathlib import Path

from torch import nn

import gendistill
from gendistill.config.catalogue.networks import NETWORKS, NetworkInfo
from gendistill.data.real import real_test_images
from gendistill.evaluation.artifacts import Plan, form_of, train_students
from gendistill.networks.base import Network
from gendistill.networks.pooling import scaled
from gendistill.networks.registry import BUILDERS
from gendistill.runtime.device import resolve_compute

INFO = NetworkInfo(
    name="tinynet", title="TinyNet", channels=32, norm="batch", layers=("down1", "down2"), second="down2",
    parameters=30_762, source="this example", description="two convolutions of stride 2 with batch norm",
)  # fmt: skip


def tinynet(channels: int, image_size: int, num_classes: int, width: float) -> Network:
    """Two blocks and a linear readout; `scaled` gives their channels at a width."""
    c = scaled(INFO.channels, width)
    blocks = {
        "down1": nn.Sequential(nn.Conv2d(channels, c, 3, 2, 1), nn.BatchNorm2d(c), nn.ReLU()),
        "down2": nn.Sequential(nn.Conv2d(c, c, 3, 2, 1), nn.BatchNorm2d(c), nn.ReLU()),
    }
    return Network(blocks, embedding=c * (image_size // 4) ** 2, num_classes=num_classes, average=False)


NETWORKS["tinynet"], BUILDERS["tinynet"] = INFO, tinynet  # in the project: entries in the files these come from

if __name__ == "__main__":
    compute = resolve_compute("auto", "auto", threads=0)
    artifact = gendistill.load("zoo/digits.safetensors", device=compute.device)
    real = real_test_images("digits", Path("data/raw"), form_of(artifact.card), compute.device)
    plan = Plan(network="tinynet", width=1.0, protocol="fixed", ipc=10, epochs=40, students=1)
    found = train_students(artifact, real, plan, compute=compute)
    print(f"tinynet: accuracy {found['mean']:.3f} on {len(real)} real images")
