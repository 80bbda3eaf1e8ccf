"""Names, shapes and types of an artifact's tensors, from its card alone: known before anything is allocated."""

from typing import Any

Shapes = dict[str, tuple[int, ...]]
Stored = dict[str, tuple[tuple[int, ...], str]]  # name -> shape, and type as safetensors spells it


def generator_tensors(card: dict[str, Any]) -> Stored:
    """What the file of a generator holds, by its card, which has been checked."""
    shapes = generator_shapes(card["generator"])
    return {name: (shape, stored_type(shape, name, card["dtype"])) for name, shape in shapes.items()}


def images_tensors(card: dict[str, Any]) -> Stored:
    """What the file of a set of images holds, by its card, which has been checked."""
    classes = len(card["classes"])
    n = classes * card["images"]["ipc"]
    hard = card["images"]["labels"] == "class numbers"
    kind = {"uint8": "U8", "float32": "F32"}[card["dtype"]]
    return {
        "images": ((n, *card["image_shape"]), kind),
        "labels": ((n,), "I64") if hard else ((n, classes), "F32"),
    }


def generator_shapes(architecture: dict[str, Any]) -> Shapes:
    """Shapes of what `Generator(**architecture).state_dict()` holds, by name; the tests hold the two together.

    Args:
        architecture: arguments of `gendistill.networks.generator.Generator`, checked.
    """
    width, latent = architecture["width"], architecture["latent"]
    classes, size = architecture["num_classes"], architecture["image_size"]
    inputs = {"overwrite": latent, "concat": latent + classes, "embed": 2 * latent}[architecture["conditioning"]]
    shapes: Shapes = {"embedding.weight": (classes, latent)} if architecture["conditioning"] == "embed" else {}
    shapes |= _layer("project.0", (16 * width, inputs), 16 * width) | _norm("project.1", 16 * width)
    for place, kernel in enumerate(_kernels(size)):  # a convolution, its normalisation, an activation
        shapes |= _layer(f"grow.{3 * place}", (width, width, kernel, kernel), width)
        shapes |= _norm(f"grow.{3 * place + 1}", width)
    return shapes | _layer("paint.0", (architecture["channels"], width, 3, 3), architecture["channels"])


def stored_type(shape: tuple[int, ...], name: str, dtype: str) -> str:
    """Type of a tensor in an artifact's file, as safetensors spells it.

    Under ``float16`` only weights of two and more dimensions are: biases and the statistics of batch normalisation
    are a fortieth of the bytes and span more decades than half precision has.
    """
    if name.endswith("num_batches_tracked"):
        return "I64"
    return "F16" if dtype == "float16" and len(shape) > 1 else "F32"


def _kernels(image_size: int) -> list[int]:
    """Sides of the kernels on the way from 4 pixels to the image's: upsamplings (4) and convolutions (3)."""
    kernels, side = [], 4
    while side < image_size:
        side *= 2
        kernels += [4] + [3] * (3 if side == 8 else 0 if side == image_size else 1)
    return kernels


def _layer(name: str, weight: tuple[int, ...], bias: int) -> Shapes:
    return {f"{name}.weight": weight, f"{name}.bias": (bias,)}


def _norm(name: str, width: int) -> Shapes:
    vectors = {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
    return vectors | {f"{name}.num_batches_tracked": ()}
