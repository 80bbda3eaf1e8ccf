"""Archives unpacked without trust: nothing of them lands outside of the folder, and nothing but files and folders."""

import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from gendistill.runtime.errors import UserError

# Python before 3.11.4 has no filters; since 3.12 it warns where none is named. `_safe` alone is enough.
FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def unpack(path: Path, folder: Path) -> None:
    """The content of a `.tar.gz` or `.gz` file below `folder`; a file that is no archive is linked there.

    Raises:
        UserError: a member is a link or a device, or would lie outside of `folder`; or the archive is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".gz":
        (folder / path.name).symlink_to(path.resolve())
        return
    try:
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path, "r:gz") as archive:
                archive.extractall(folder, members=(_safe(path, member) for member in archive), **FILTER)
        else:
            with gzip.open(path) as source, (folder / path.stem).open("wb") as target:
                while block := source.read(2**20):
                    target.write(block)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): delete it and run the same command again") from None


def _safe(path: Path, member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member as it may be unpacked: the user's own, and with plain permissions."""
    plain = PurePosixPath(member.name.replace("\\", "/"))
    wrong = None
    if not (member.isfile() or member.isdir()):
        wrong = "is a link or a device"
    elif plain.is_absolute() or ".." in plain.parts:
        wrong = "leads out of the archive"
    if wrong:
        raise UserError(f"{path} is not safe to unpack: its member {member.name!r} {wrong}; get it from another place")
    member.mode = 0o755 if member.isdir() else 0o644
    member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
    return member
