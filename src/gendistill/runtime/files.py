"""Files appear whole or not at all: every output is written under a temporary name and renamed."""

import csv
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gendistill.runtime.errors import UserError

CAUSES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EFBIG: "the file is larger than a file may be here; raise the limit (ulimit -f)",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EACCES: "permission denied; make the folder writable",
    errno.EPERM: "the operation is not permitted; make the folder writable",
    errno.EROFS: "the file system is read-only; run where it can be written",
    errno.ENOTDIR: "a file stands where a folder is needed; remove or rename it",
    errno.EEXIST: "a file stands where a folder is needed; remove or rename it",
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the failures of a file system that a user can mend into one message.

    Raises:
        UserError: the disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in CAUSES:
            raise
        raise UserError(f"{path}: cannot be written: {CAUSES[error.errno]} and run the same command again") from error


def check_place(path: Path, *, force: bool) -> None:
    """Refuse, before anything is computed, a file that would replace another or could not be written.

    Args:
        path: file to be written later.
        force: it may replace a file.

    Raises:
        UserError: a file is there and may not be replaced, a folder is there, or the place cannot be written.
    """
    if path.is_dir():
        raise UserError(f"--out {path} is a folder; give a file")
    if path.exists() and not force:
        raise UserError(f"{path} is there already; give another file, or --force to replace it")
    place = next(folder for folder in path.absolute().parents if folder.exists())  # the rest is made when written
    with explained(path):
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    The block may create a file or a folder there. An existing `path` is replaced only at the end and is
    untouched when the block raises; the temporary is then removed. What a process left that was killed on the way is
    removed by the next one that writes `path`.

    Raises:
        UserError: the disk is full, the place cannot be written, or a file would replace a folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            yield temporary
            if path.is_dir() and not path.is_symlink():
                if not temporary.is_dir():
                    raise UserError(f"{path} is a folder, but a file is to be written there; give another name")
                shutil.rmtree(path)
            temporary.replace(path)
        finally:
            remove(temporary)


def _sweep(path: Path) -> None:
    """Remove the temporaries of `path` whose writers are no more, also one of a killed process with our number."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.([1-9]\d{{0,8}})\.tmp", re.ASCII)
    for left in path.parent.iterdir():
        match = ours.fullmatch(left.name)
        if match is not None and (int(match[1]) == os.getpid() or not _lives(int(match[1]))):
            remove(left)


def _lives(process: int) -> bool:
    """Whether there is a process with this number here."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: Path, columns: list[str], rows: list[dict[str, float]]) -> None:
    """Write rows as CSV with six significant digits, atomically; without rows the file holds the header alone."""
    with write_atomically(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows([{key: f"{value:.6g}" for key, value in row.items()} for row in rows])
