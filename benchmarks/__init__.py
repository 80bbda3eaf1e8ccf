"""Hot paths timed against DiM's public code and against plain twins: ``python -m benchmarks --help``.

One script a hot path, the plain twin beside the fast form. The method is in docs/performance.md.
"""
