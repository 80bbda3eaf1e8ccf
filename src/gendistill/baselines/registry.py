"""From the name of a method to its function; the methods are in `gendistill.config.methods`."""

from collections.abc import Callable
from pkgutil import resolve_name

from gendistill.baselines.task import DistilledSet, Task
from gendistill.config.methods import METHODS


def method(name: str) -> Callable[[Task], DistilledSet]:
    """The function that makes the images of a method of the registry."""
    function: Callable[[Task], DistilledSet] = resolve_name(METHODS[name].function)
    return function
