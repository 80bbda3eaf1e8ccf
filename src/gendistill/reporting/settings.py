"""The parameters that can change a result: all of params.yaml but its label and where it is run."""

from dataclasses import asdict, fields, is_dataclass
from typing import Any

from gendistill.config.params import dotted
from gendistill.config.schema import Params

LEFT_OUT = ("preset", "runtime")


def settings(params: Params) -> dict[str, Any]:
    """Values by dotted key, in the order of params.yaml; lists are lists.

    Read field by field: what is left out is not even looked at, so no stage comes to depend on it.
    """
    found: dict[str, Any] = {}
    for field in fields(params):
        if field.name not in LEFT_OUT:
            value = getattr(params, field.name)
            found[field.name] = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return {key: list(value) if isinstance(value, tuple) else value for key, value in dotted(found).items()}
