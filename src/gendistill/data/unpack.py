"""Archives unpacked without trust: nothing of them lands outside of the folder, and nothing but files and folders."""

import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from gendistill.runtime.errors import UserError


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
                archive.extractall(folder, filter=lambda member, place: _safe(path, member, place))
        else:
            with gzip.open(path) as source, (folder / path.stem).open("wb") as target:
                while block := source.read(2**20):
                    target.write(block)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): delete it and run the same command again") from None


def _safe(path: Path, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """The member as it may be unpacked: without owner, and with plain permissions."""
    plain = PurePosixPath(member.name.replace("\\", "/"))
    wrong = None
    if not (member.isfile() or member.isdir()):
        wrong = "is a link or a device"
    elif plain.is_absolute() or ".." in plain.parts:
        wrong = "leads out of the archive"
    if wrong:
        raise UserError(f"{path} is not safe to unpack: its member {member.name!r} {wrong}; get it from another place")
    return tarfile.data_filter(member, folder)
