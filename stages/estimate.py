"""Tell what a run will take before it starts: ``python -m stages.estimate [ITEM] [--preset NAME]``.

A few steps of everything are done for real, on random images of the right shape: no data is needed, nothing is written.
"""

from pathlib import Path
from typing import Annotated

import typer

from gendistill.config.params import load_params, parse_params
from gendistill.config.presets import apply_preset, read_preset
from gendistill.config.schema import Params
from gendistill.config.yaml12 import load_yaml, read_text
from gendistill.estimate.items import choose_item, data_shape, stage_items
from gendistill.runtime.errors import UserError
from gendistill.runtime.stage import leave

PARAMS = Path("params.yaml")


def main(
    item: Annotated[
        str | None, typer.Argument(help="One stage item, such as evaluate@ours-convnet3-10; without it, all of them.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Estimate this preset instead of params.yaml, with its section `runtime`.")
    ] = None,
) -> None:
    """Print seconds and peak memory of the stage items that params.yaml implies, calibrated on this machine."""
    try:
        params = load_params(PARAMS) if preset is None else _with_preset(preset)
        items = stage_items(params)
        chosen = items if item is None else [choose_item(items, item)]
        shape = data_shape(params.data)

        from gendistill.estimate.estimates import estimates
        from gendistill.estimate.table import lines, sentence

        found = estimates(chosen, params, shape)
        for line in map(sentence, found) if item else lines(found, max(len(one.name) for one in items)):
            print(line, flush=True)
    except UserError as error:
        leave(str(error), 2)
    except KeyboardInterrupt:
        leave("estimate: interrupted", 130)


def _with_preset(name: str) -> Params:
    """The parameters that ``python -m stages.preset`` would write."""
    origin = f"{PARAMS} with preset {name}"
    return parse_params(load_yaml(apply_preset(read_text(PARAMS), read_preset(name), origin), origin), origin)


if __name__ == "__main__":
    typer.run(main)
