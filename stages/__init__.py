"""Stage commands of the pipeline, run from the root of the project as ``python -m stages.<name>``."""

import sys
from pathlib import Path

# the copy beside this file, not an installed one: queued experiments run the code they were queued with
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
