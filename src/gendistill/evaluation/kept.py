"""A trained student as one safetensors file: its weights, and a card that says how to build and to feed it.

No pickle is read or written. The header's key ``student`` holds the card as JSON: ``network``, ``width``, ``channels``,
``image_size``, ``classes`` and ``normalisation`` describe the network and its images, ``statistics`` is the record that
`gendistill train` writes.
"""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gendistill.networks.base import Network
from gendistill.networks.registry import build_network
from gendistill.runtime.errors import UserError
from gendistill.runtime.files import write_atomically

KEY = "student"


class Kept:
    """A `gendistill.evaluation.cells.Keep` that copies the networks it is given.

    Attributes:
        networks: in the order in which they came.
    """

    def __init__(self) -> None:
        self.networks: list[Network] = []

    def __call__(self, protocol: str, number: int, network: Network) -> None:
        """Copy a trained student."""
        self.networks.append(copy.deepcopy(network))


def save_student(path: Path, network: Network, artifact: dict[str, Any], record: dict[str, Any]) -> None:
    """Write a trained network, atomically.

    Args:
        path: the file.
        network: trained; on any device.
        artifact: the card of the distilled set that it was trained on.
        record: ``network``, ``width`` and the statistics of its training.
    """
    channels, image_size, _ = artifact["image_shape"]
    card = {
        "network": record["network"],
        "width": record["width"],
        "channels": channels,
        "image_size": image_size,
        "classes": artifact["classes"],
        "normalisation": artifact["normalisation"],
        "statistics": record,
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with write_atomically(path) as temporary:
        temporary.write_bytes(save(weights, metadata={KEY: json.dumps(card, ensure_ascii=False)}))


def load_student(path: Path | str, device: torch.device | str = "cpu") -> tuple[Network, dict[str, Any]]:
    """The network of a file that `save_student` wrote.

    Args:
        path: the file.
        device: where the network is put.

    Returns:
        The network in eval mode, which takes images (n, c, h, w) standardised by the card's ``normalisation``, and the
        card.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        found = "is no file" if path.exists() else "does not exist"
        raise UserError(f"{path} {found}; expected a file that `gendistill train --out` wrote")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            card: dict[str, Any] = json.loads((file.metadata() or {})[KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
        with torch.device("meta"):  # a card that claims a huge network takes no memory
            network = build_network(
                card["network"], channels=card["channels"], image_size=card["image_size"],
                num_classes=len(card["classes"]), width=card["width"],
            )  # fmt: skip
        network.load_state_dict(weights, assign=True)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(
            f"{path} is not a student that `gendistill train --out` wrote, or is damaged "
            f"({str(error).splitlines()[0][:200]}); train it again"
        ) from None
    return network.eval(), card
