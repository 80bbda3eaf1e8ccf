"""What can be measured. Torch-free, so that ``--help`` and a wrong name answer at once."""

from gendistill.config.constraints import suggestion
from gendistill.runtime.errors import UserError

IPCS = (1, 10, 50)
BENCHMARKS = {
    "gan_step": "gan_step",
    "distill_step": "distill_step",
    **{f"evaluate_five_students_ipc{ipc}": "evaluate_students" for ipc in IPCS},
    "dm_step": "dm_step",
    "dc_step": "dc_step",
    "dsa_step": "dc_step",
    "input_overhead": "input_overhead",
    "input_overhead_gan_step": "input_overhead",
}
"""Name of an entry -> module of this package whose ``measure(setting, name)`` gives it."""

GROWTH = "growth"  # an hour's worth of small runs with a file of its own: only when it is named


def chosen(only: list[str]) -> list[str]:
    """The names to measure, in the order of `BENCHMARKS`; all but `GROWTH` when `only` is empty.

    Raises:
        UserError: a name is unknown.
    """
    known = [*BENCHMARKS, GROWTH]
    for name in only:
        if name not in known:
            raise UserError(
                f"--only {name}: no such benchmark{suggestion(name, known)}; choose from {', '.join(known)}"
            )
    return [name for name in known if name in (only or BENCHMARKS)]
