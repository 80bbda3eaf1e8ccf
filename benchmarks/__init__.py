"""Hot paths timed against published code and against plain twins: ``python -m benchmarks --help``.

One script a hot path, the plain twin beside the fast form. The method is in docs/performance.md.
"""

import sys
from pathlib import Path

# the copy beside this file, not an installed one: what is timed is what is there
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
