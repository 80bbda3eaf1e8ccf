"""Every method by name.

To add one: write a function of a `Task` that gives a `DistilledSet` in a file of its own, and enter it here. What users
set and read of it cannot stand in a file that imports torch: describe it in `gendistill.config.catalogue.methods`, give
it a section in `gendistill.config.benchmark`, in benchmark/params.yaml and in its presets, and the file a line in
benchmark/dvc.yaml; tests name what is missing. CAFE, MTT and FRePo (benchmark specification 6.5, 7.2, 7.3) are not
here yet.
"""

from collections.abc import Callable
from typing import Final

from gendistill.baselines import choosing, dm, gradient_matching, kip
from gendistill.baselines.task import DistilledSet, Task

METHODS: Final[dict[str, Callable[[Task], DistilledSet]]] = {
    "random": choosing.choose_random,
    "herding": choosing.choose_herding,
    "k_center": choosing.choose_k_center,
    "forgetting": choosing.choose_forgotten,
    "dm": dm.distil,
    "dc": gradient_matching.distil,
    "dsa": gradient_matching.distil,
    "egm": gradient_matching.distil,
    "kip_fc": kip.distil,
}
