"""Ways to compute: precision, and how the students of a cell are trained."""

from typing import Final

PRECISIONS: Final = {
    "auto": "bf16 on CUDA, fp32 elsewhere",
    "fp32": "single precision",
    "bf16": "autocast to bfloat16",
}

STUDENT_FORMS: Final = {
    "auto": "together on CUDA, apart elsewhere",
    "together": "all students of a cell in one step, their parameters stacked",
    "apart": "each by itself; on a CPU as many at a time as there are threads",
}
