"""Seeds keyed by (root seed, purpose, step), for random streams of any library; imports no torch."""

import hashlib


def derive_seed(root: int, *path: str | int) -> int:
    """Hash ``(root, *path)`` to a seed in [0, 2**63)."""
    text = "/".join([str(root), *map(str, path)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
