"""The classifier that every architecture of the registry is an instance of."""

from collections.abc import Mapping

from torch import Tensor, nn

from gendistill.runtime.errors import UserError


class Network(nn.Module):
    """A classifier as a chain of named layers, an embedding and one linear readout.

    Attributes:
        layers: names of the intermediate features, from the input on.
    """

    def __init__(self, stages: Mapping[str, nn.Module], *, embedding: int, num_classes: int, average: bool) -> None:
        """Chain the stages and add the readout.

        Args:
            stages: layer name -> module, in the order of application.
            embedding: length d of the embedding.
            num_classes: number of logits.
            average: whether the embedding is the spatial mean of the last map (ResNets) or all of it.
        """
        super().__init__()
        self.layers = tuple(stages)
        self.stages = nn.ModuleDict(stages)
        self.average = average
        self.classifier = nn.Linear(embedding, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores.

        Args:
            x: standardised images (n, c, h, w); gradients flow.

        Returns:
            Logits (n, num_classes).
        """
        logits: Tensor = self.classifier(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """The flattened input of the linear readout.

        Args:
            x: standardised images (n, c, h, w); gradients flow.

        Returns:
            Embeddings (n, d); for ConvNet3 the 2048 numbers of DM and herding at 32 x 32.
        """
        for stage in self.stages.values():
            x = stage(x)
        return self._flat(x)

    def features(self, x: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Logits and one intermediate feature from the same forward pass.

        Args:
            x: standardised images (n, c, h, w); gradients flow to both results.
            layer: one of `layers`.

        Returns:
            Logits (n, num_classes), and the named feature map (n, c', h', w') after its activation and,
            in the ConvNets, after its pooling.

        Raises:
            UserError: if the network has no such layer.
        """
        if layer not in self.stages:
            raise UserError(f"layer {layer!r} is not in this network; it has {', '.join(self.layers)}")
        feature = x
        for name, stage in self.stages.items():
            x = stage(x)
            if name == layer:
                feature = x
        logits: Tensor = self.classifier(self._flat(x))
        return logits, feature

    def _flat(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3)) if self.average else x.flatten(1)
