"""The selection methods as pure functions of embeddings or of counts (benchmark specification 5.2 to 5.4).

Herding and K-Center begin with the image nearest to its class mean, so at IPC 1 they choose the same one.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Choose = Callable[[Tensor, int], Tensor]  # features (n, d) of a class, IPC -> positions (ipc,)


def herding(features: Tensor, ipc: int) -> Tensor:
    """Positions of `ipc` images of one class, in the order of herding.

    The k-th is the image, not chosen yet, that minimises ``|| k mu - sum of the chosen - f ||_2``, mu being the mean of
    all. DeepCore takes the maximum instead; the DC author's snippets take the minimum.

    Args:
        features: (n, d) of one class, n >= ipc.
        ipc: images to choose.

    Returns:
        (ipc,) int64 on the features' device, in the order of choice; nothing waits for the device.
    """
    mean = features.double().mean(0)
    free = torch.zeros(len(features), device=features.device, dtype=torch.float64)
    chosen_sum = torch.zeros_like(mean)
    chosen = []
    for k in range(1, ipc + 1):
        nearest = (_squared_distances(features, k * mean - chosen_sum) + free).argmin()
        chosen_sum = chosen_sum + features[nearest].double()
        free = free.index_fill(0, nearest, torch.inf)
        chosen.append(nearest)
    return torch.stack(chosen)


def k_center(features: Tensor, ipc: int) -> Tensor:
    """Positions of `ipc` images of one class by greedy K-Center.

    The first is nearest to the class mean; each further one is farthest from those chosen, its distance being the
    smallest of those to them. DeepCore begins with a random image; the DC author says the class mean.

    Args:
        features: (n, d) of one class, n >= ipc.
        ipc: images to choose.

    Returns:
        (ipc,) int64 on the features' device, in the order of choice; nothing waits for the device.
    """
    chosen = [_squared_distances(features, features.double().mean(0)).argmin()]
    reach = torch.full((len(features),), torch.inf, device=features.device, dtype=torch.float64)
    for _ in range(1, ipc):
        reach = torch.minimum(reach, _squared_distances(features, features[chosen[-1]].double()))
        reach = reach.index_fill(0, chosen[-1], -torch.inf)  # also where duplicates leave no distance
        chosen.append(reach.argmax())
    return torch.stack(chosen)


def forgotten(scores: Tensor, labels: Tensor, ipc: int, num_classes: int, draw: torch.Generator) -> Tensor:
    """Positions of the `ipc` most forgotten images of every class, class after class; ties are broken at random.

    Args:
        scores: (n,) int64 >= 0, on the CPU.
        labels: (n,) int64, on the CPU; every class has at least `ipc` images.
        ipc: images to choose.
        num_classes: K.
        draw: random stream of the CPU.

    Returns:
        (K ipc,) int64.
    """
    shuffled = torch.randperm(len(scores), generator=draw)
    ranked = shuffled[scores[shuffled].argsort(descending=True, stable=True)]
    return torch.cat([ranked[labels[ranked] == label][:ipc] for label in range(num_classes)])


def _squared_distances(features: Tensor, point: Tensor) -> Tensor:
    """Squared distances (n,) float64 of features (n, d) from one point (d,)."""
    return (features.double() - point).square().sum(1)


class ForgettingCounts:
    """Forgetting events of every training image: from right to wrong between two of its presentations.

    Args:
        n: training images.
        device: where predictions are.

    Attributes:
        events: (n,) int64.
        ever_right: (n,) bool, the image was classified right at least once.
        last_right: (n,) bool, at its last presentation.
    """

    def __init__(self, n: int, device: torch.device | str) -> None:
        self.events = torch.zeros(n, dtype=torch.int64, device=device)
        self.ever_right = torch.zeros(n, dtype=torch.bool, device=device)
        self.last_right = torch.zeros(n, dtype=torch.bool, device=device)

    def present(self, index: Tensor, right: Tensor) -> None:
        """Record one batch: positions (b,), each once, and whether each was classified right (b,) bool."""
        self.events[index] += self.last_right[index] & ~right
        self.ever_right[index] |= right
        self.last_right[index] = right

    def scores(self, epochs: int) -> Tensor:
        """Events (n,) int64; an image that was never right counts as forgotten in every epoch (Toneva et al.).

        DeepCore counts such images as never forgotten.
        """
        return self.events.masked_fill(~self.ever_right, epochs)

    def dump(self) -> dict[str, Tensor]:
        """The state as tensors."""
        return {"events": self.events, "ever_right": self.ever_right, "last_right": self.last_right}

    def load(self, saved: dict[str, Tensor]) -> None:
        """Take over what `dump` gave."""
        for name, value in saved.items():
            getattr(self, name).copy_(value)
