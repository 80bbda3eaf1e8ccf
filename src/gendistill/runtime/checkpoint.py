"""Checkpoints of unfinished stages, kept outside the stages' outputs, found again only by the same run.

DVC deletes a stage's outputs before it starts, and runs queued experiments in temporary copies; so checkpoints
live under ``<checkout>/.cache/checkpoints/<stage>/<fingerprint>``.
"""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from gendistill.runtime.files import explained

FORMAT = 2  # raised when the content of a checkpoint changes, so that older ones are not found


def fingerprint(params: dict[str, Any], files: list[Path], compute: dict[str, Any]) -> str:
    """Hash everything that decides a run's numbers.

    Args:
        params: the tracked parameters of the stage.
        files: code and data the stage depends on; folders count with all their files. A missing one counts as empty.
        compute: what `Compute.describe` says.

    Returns:
        16 hexadecimal digits; equal only for runs that would compute the same.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, params, compute], sort_keys=True).encode())
    for path in files:
        members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for member in members:
            if "__pycache__" in member.parts:
                continue
            digest.update(str(member).encode())
            if member.is_file():
                with member.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


class CheckpointStore:
    """One checkpoint file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "last.pt"

    def load(self) -> dict[str, Any] | None:
        """The saved state on the CPU, or None when there is none.

        Loading runs no code from the file (``weights_only``).
        """
        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; a crash in the middle leaves the previous one.

        Raises:
            UserError: the disk is full or the folder cannot be written; the previous checkpoint is kept.
        """
        temporary = self.folder / f"last.{os.getpid()}.tmp"
        # through memory: torch's writer turns the OSError of a full disk into a RuntimeError of its own
        content = io.BytesIO()
        torch.save(state, content)
        with explained(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as stream:
                    stream.write(content.getbuffer())
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget the checkpoint once the stage's outputs are complete."""
        shutil.rmtree(self.folder, ignore_errors=True)
