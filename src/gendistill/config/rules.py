"""What two or more keys of params.yaml must satisfy together.

A rule is a function of the values that it names, and yields (key to change, message). It is run only if all
these values are legal by themselves, so that one mistake is reported once. ``RULES`` lists all of them. Where a rule
names ``data.name`` it gets the entry of the data set: what the catalogue knows, or, once its files have been looked
at, what they hold.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gendistill.config.catalogue.datasets import DATASETS, DatasetInfo
from gendistill.config.catalogue.networks import NETWORKS, SECOND_LAYER

Found = Iterator[tuple[str, str]]


OWN: Final = {"npz": "the .npz file", "folder": "the folder of images"}  # data sets that data.path names


def _path_belongs_to_own_data(data: DatasetInfo, path: str) -> Found:
    if data.name in OWN and not path:
        yield "data.path", f"is empty; data.name {data.name} needs {OWN[data.name]}"
    if data.name not in OWN and path:
        yield "data.path", f"must be '' unless data.name is {' or '.join(OWN)}, found {path!r} with {data.name}"


def _padding_cannot_shrink(data: DatasetInfo, fit: str, image_size: int) -> Found:
    native = data.native_size
    if fit == "pad" and native is not None and native > image_size:
        yield (
            "data.fit",
            f"pad cannot bring the {native} x {native} images of {data.name} to {image_size} x {image_size}; "
            "write resize, or a larger data.image_size",
        )


def _held_out_fits(info: DatasetInfo, held_out: int) -> Found:
    if info.train_count is None or info.num_classes is None or held_out == 0:
        return
    if held_out >= info.train_count:
        yield "data.held_out", f"must be < {info.train_count} (training images of {info.name}), found {held_out}"
    elif held_out < info.num_classes:
        yield (
            "data.held_out",
            f"must be 0 or >= {info.num_classes} (one image for each class of {info.name}), found {held_out}",
        )


def _batches_fit(data: DatasetInfo, held_out: int, gan: int, distill: int, whole: int) -> Found:
    total = data.train_count
    # A held-out part that leaves nothing is reported by the rule before.
    if total is None or held_out >= total:
        return
    left = total - held_out
    batches = {"gan.batch_size": gan, "distill.batch_size": distill}
    if data.name not in OWN:  # a recipe for data of any size may ask for more: the batch is the whole set then
        batches["recipe.whole_batch"] = whole
    for key, batch in batches.items():
        if batch > left:
            yield (
                key,
                f"must be <= {left}, found {batch} ({data.name} has {total} training images, {held_out} held out)",
            )


def _latent_holds_the_label(data: DatasetInfo, conditioning: str, latent: int) -> Found:
    classes = data.num_classes
    if conditioning == "overwrite" and classes is not None and latent <= classes:
        yield (
            "gan.latent",
            f"must be >= {classes + 1}, found {latent}: overwrite puts the label of {data.name} "
            f"into the first {classes} entries; or write gan.conditioning: concat, which takes any",
        )


def _snapshots_fit(snapshots: int, steps: int) -> Found:
    if snapshots > steps:
        yield "distill.snapshots", f"must be <= distill.steps ({steps}), found {snapshots}"


def _selection_has_a_choice(data: DatasetInfo, select: str, held_out: int, snapshots: int) -> Found:
    if select != "held_out":
        return
    if held_out == 0 and data.validation is False:
        yield "generate.select", "held_out needs held-out images: write data.held_out > 0, or select: last"
    if snapshots < 2:
        yield (
            "generate.select",
            f"held_out chooses among snapshots: write distill.snapshots >= 2, found {snapshots}",
        )


def _pool_holds_every_network(kind: str, size: int, pool: tuple[str, ...]) -> Found:
    if kind == "resident" and size < len(pool):
        yield (
            "distill.pool_size",
            f"must be >= {len(pool)}, found {size}: a resident pool holds at least one of each network of distill.pool",
        )


def _pool_has_the_layer(omega_l: float, layer: str, pool: tuple[str, ...]) -> Found:
    if omega_l == 0 or layer == SECOND_LAYER:
        return
    lacking = [name for name in pool if layer not in NETWORKS[name].layers]
    if lacking:
        common = [one for one in NETWORKS[pool[0]].layers if all(one in NETWORKS[n].layers for n in pool)]
        yield (
            "loss.local_layer",
            f"must be {', '.join([SECOND_LAYER, *common])}, found {layer!r}, "
            f"which {', '.join(lacking)} of distill.pool lacks",
        )


def width_leaves_channels(key: str, width: float, networks: tuple[str, ...]) -> Found:
    """A problem of `key` where `width` leaves less than one channel to one of `networks`."""
    for name in networks:
        if NETWORKS[name].channels * width < 1:
            yield key, f"must be >= {1 / NETWORKS[name].channels} for {name}, found {width}"
            return


def _pool_keeps_channels(width: float, pool: tuple[str, ...]) -> Found:
    yield from width_leaves_channels("distill.pool_width", width, pool)


def _yardstick_keeps_channels(width: float, network: str) -> Found:
    yield from width_leaves_channels("quality.width", width, (network,))


def _neighbours_are_there(neighbours: int, images: int) -> Found:
    if neighbours >= images:
        yield "quality.neighbours", f"must be < quality.images ({images}), found {neighbours}"


def _students_keep_channels(width: float, networks: tuple[str, ...], controls: tuple[str, ...]) -> Found:
    yield from width_leaves_channels("evaluate.width", width, networks + controls)


def _controls_have_images(info: DatasetInfo, held_out: int, ipc: tuple[int, ...], controls: tuple[str, ...]) -> Found:
    if info.train_count is None or info.num_classes is None or held_out >= info.train_count or not controls:
        return
    most = (info.train_count - held_out) // info.num_classes
    too_many = [str(count) for count in ipc if count > most]
    if too_many:
        yield (
            "evaluate.ipc",
            f"must be <= {most} for the control random, found {', '.join(too_many)}: {info.name} has no more "
            "training images a class; write fewer, or evaluate.control_networks: []",
        )


def _test_points_fit(points: int, protocols: tuple[str, ...], fresh: int, fixed: int, plain: int) -> Found:
    epochs = {"fresh": fresh, "fixed": fixed, "fixed_plain": plain}
    shortest = min(protocols, key=lambda protocol: epochs[protocol])
    if points > epochs[shortest]:
        yield "evaluate.test_points", f"must be <= {epochs[shortest]} (epochs of {shortest}), found {points}"


RULES: Final[dict[Callable[..., Found], tuple[str, ...]]] = {
    _path_belongs_to_own_data: ("data.name", "data.path"),
    _padding_cannot_shrink: ("data.name", "data.fit", "data.image_size"),
    _held_out_fits: ("data.name", "data.held_out"),
    _batches_fit: (
        "data.name",
        "data.held_out",
        "gan.batch_size",
        "distill.batch_size",
        "recipe.whole_batch",
    ),
    _latent_holds_the_label: ("data.name", "gan.conditioning", "gan.latent"),
    _snapshots_fit: ("distill.snapshots", "distill.steps"),
    _selection_has_a_choice: ("data.name", "generate.select", "data.held_out", "distill.snapshots"),
    _pool_holds_every_network: ("distill.pool_kind", "distill.pool_size", "distill.pool"),
    _pool_has_the_layer: ("loss.omega_l", "loss.local_layer", "distill.pool"),
    _pool_keeps_channels: ("distill.pool_width", "distill.pool"),
    _yardstick_keeps_channels: ("quality.width", "quality.network"),
    _neighbours_are_there: ("quality.neighbours", "quality.images"),
    _students_keep_channels: ("evaluate.width", "evaluate.networks", "evaluate.control_networks"),
    _controls_have_images: ("data.name", "data.held_out", "evaluate.ipc", "evaluate.control_networks"),
    _test_points_fit: (
        "evaluate.test_points",
        "evaluate.protocols",
        "evaluate.fresh_epochs",
        "evaluate.fixed_epochs",
        "evaluate.plain_epochs",
    ),
}


def broken_rules(values: Mapping[str, Any], data: DatasetInfo | None = None) -> list[tuple[str, str]]:
    """Problems among `values` (dotted key -> legal value); rules whose values are missing are left out.

    Args:
        values: values by dotted key.
        data: what the files of the data set hold; the entry of the catalogue, if not given.
    """
    if "data.name" in values:
        values = {**values, "data.name": data or DATASETS[values["data.name"]]}
    return [
        problem
        for rule, keys in RULES.items()
        if all(key in values for key in keys)
        for problem in rule(*(values[key] for key in keys))
    ]
