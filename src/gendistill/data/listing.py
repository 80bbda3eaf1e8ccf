"""Which files of a folder are images of which class: looked at by name only, nothing is opened.

A folder holds ``train/<class>/*`` with or without ``val/<class>/*`` and ``test/<class>/*``, or ``<class>/*`` alone.
Folders inside of a class folder belong to that class. Hidden files and what file managers leave behind do not count;
files of other kinds are left out and counted.
"""

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from gendistill.data.findings import Findings
from gendistill.data.raw import Labels
from gendistill.runtime.errors import UserError

PARTS = ("train", "val", "test")
READ = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
NOT_READ = (".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".dcm", ".ppm", ".pgm", ".raw", ".npy")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
LITTER = ("thumbs.db", "desktop.ini", "__macosx")
LAYOUT = (
    "a folder of images holds train/<class>/* (and, if you have them, val/<class>/* and test/<class>/*), "
    "or <class>/* alone"
)


@dataclass(frozen=True)
class Listed:
    """The images of one part: paths relative to the folder, class by class and sorted, and labels (n,) int64."""

    paths: list[str]
    labels: Labels


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        classes: names of the class folders of the training part, sorted as text; the label is the position.
        parts: the images by part, `train` always among them.
        others: files left out, by the end of their name.
    """

    classes: tuple[str, ...]
    parts: dict[str, Listed]
    others: Counter[str]


def list_folder(root: Path, findings: Findings) -> Listing:
    """List a folder of images; what is wrong with single files and classes is added to `findings`.

    Raises:
        UserError: there is no such folder, or it is laid out in another way.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        if root.is_file() and root.name.lower().endswith(ARCHIVES):
            found = "is an archive, which is not read: unpack it"
        raise UserError(f"{root} {found}, but data.path must name a folder: {LAYOUT}")
    others: Counter[str] = Counter()
    try:
        tops = {part: root / part if part else root for part in _parts(root)}
        listed = {part: _classes(root, top, findings, others) for part, top in tops.items()}
    except OSError as error:
        raise UserError(f"{error.filename} cannot be listed ({error.strerror}): make it a readable folder") from None
    train = listed.get("train", listed.get("", {}))
    classes = tuple(sorted(train))
    for part in listed.keys() - {"", "train"}:
        if not listed[part]:
            findings.add("empty", f"{part} (no class folder with an image)")
    if len(classes) < 2:
        findings.refuse()
        what = f"one class folder, {classes[0]}," if classes else "no class folder"
        raise UserError(f"{root} has {what} to train on, but at least two classes are needed: {LAYOUT}")
    label = {name: number for number, name in enumerate(classes)}
    parts = {}
    for part, files in listed.items():
        for name in sorted(files.keys() - label.keys()):
            findings.add("untrained", f"{part}/{name}")
        known = [name for name in classes if name in files]
        paths = [path for name in known for path in files[name]]
        labels = np.repeat([label[name] for name in known], [len(files[name]) for name in known])
        parts[part or "train"] = Listed(paths, labels.astype(np.int64))
    return Listing(classes, parts, others)


def _parts(root: Path) -> tuple[str, ...]:
    """The parts that a folder has; the empty name alone when the classes lie in the folder itself.

    Raises:
        UserError: folders stand beside `train` that are no part, or parts without `train`.
    """
    names = sorted(entry.name for entry in _entries(root) if _is_dir(entry) and not _ignored(entry.name))
    near = [name for name in names if name not in PARTS and name.lower() in (*PARTS, "valid", "validation")]
    parts = tuple(part for part in PARTS if part in names)
    if not parts and not near:
        return ("",)
    if "train" in parts and len(parts) == len(names):
        return parts
    raise UserError(
        f"{root} has the folders {', '.join(names)}, but the parts must be called train, val and test, with train "
        f"among them and no other folder beside: {LAYOUT}"
    )


def _classes(root: Path, top: Path, findings: Findings, others: Counter[str]) -> dict[str, list[str]]:
    """Class name -> sorted image paths relative to `root`, of the class folders in `top`; empty ones are left out."""
    files: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for entry in _entries(top):
        name = f"{_relative(root, top)}{entry.name}"
        if _ignored(entry.name):
            continue
        if not _is_dir(entry):
            _other(name, entry, findings, others, loose=True)
            continue
        if not entry.name.isprintable():  # control characters, or bytes that are no text
            findings.add("name", ascii(name))
            continue
        keys = (unicodedata.normalize("NFC", entry.name).casefold(), str(Path(entry.path).resolve()))
        if twins := {places[key] for key in keys if key in places}:
            findings.add("twins", " and ".join([*sorted(twins), name]))
            continue
        places |= dict.fromkeys(keys, name)
        images = sorted(_images(root, Path(entry.path), findings, others))
        if images:
            files[entry.name] = images
        else:
            findings.add("empty", name)
    return files


def _images(root: Path, folder: Path, findings: Findings, others: Counter[str]) -> list[str]:
    """Paths relative to `root` of the images in a class folder and the folders inside of it."""
    images: list[str] = []
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = _entries(place)
        except OSError:
            findings.add("unreadable", _relative(root, place))
            continue
        for entry in entries:
            if _ignored(entry.name):
                continue
            name = f"{_relative(root, place)}{entry.name}"
            if _is_dir(entry):
                # a link could lead back here, round and round
                findings.add("linked", name) if entry.is_symlink() else waiting.append(Path(entry.path))
            elif name.lower().endswith(READ) and Path(entry.path).is_file():
                images.append(name)
            else:
                _other(name, entry, findings, others)
    return images


def _other(
    name: str, entry: "os.DirEntry[str]", findings: Findings, others: Counter[str], *, loose: bool = False
) -> None:
    """Sort what is no image of a class: a mistake, or a file of another kind that is left out."""
    end = PurePosixPath(name).suffix.lower()
    if loose and end in READ:
        findings.add("loose", name)
    elif end in READ:
        findings.add("special", name)
    elif end in NOT_READ:
        findings.add("kind", name)
    else:
        others[end or "no ending"] += 1


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    return Path(entry.path).is_dir()  # unlike the entry's own, no error for a link that leads to itself


def _relative(root: Path, folder: Path) -> str:
    """`folder` below `root` with a final slash; nothing for `root` itself."""
    return "" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER
