"""Archives unpacked without trust: nothing of them lands outside of the folder, and nothing but files and folders."""

import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from gendistill.runtime.errors import UserError


def unpack_tar(path: Path, folder: Path) -> None:
    """The files of a tar archive, compressed or not, below `folder`.

    Raises:
        UserError: a member is a link or a device, or would lie outside of `folder`; or the archive is damaged.
    """
    try:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            bad = [member.name for member in members if not (member.isfile() or member.isdir())]
            _refuse(path, bad, [member.name for member in members])
            archive.extractall(folder, members, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): get it again") from None


def unpack_zip(path: Path, folder: Path) -> None:
    """The files of a zip archive below `folder`; likewise."""
    try:
        with zipfile.ZipFile(path) as archive:
            # The upper half of the external attributes is the mode of Unix; 0o120000 is a symbolic link.
            linked = [entry.filename for entry in archive.infolist() if entry.external_attr >> 28 == 0o12]
            _refuse(path, linked, archive.namelist())
            archive.extractall(folder)
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): get it again") from None


def _refuse(path: Path, linked: list[str], names: list[str]) -> None:
    """End if a member is no plain file or folder, or its name leads out of the folder."""
    outside = [name for name in names if _leads_out(name)]
    if linked or outside:
        kinds = (("links or devices", linked), ("names that lead out of the archive", outside))
        said = "; ".join(f"{what} ({len(found):,}): {', '.join(found[:5])}" for what, found in kinds if found)
        raise UserError(f"{path} is not safe to unpack, and nothing of it was: {said}. Get it from another place")


def _leads_out(name: str) -> bool:
    """Whether a member's name is absolute or goes up, on any system."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in PurePosixPath(plain).parts or plain[1:2] == ":"
