"""A data set of image files in folders, one a class; decoded a block at a time."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gendistill.data.decoding import BLOCK, decoded
from gendistill.data.findings import Findings
from gendistill.data.listing import Listed, Listing, list_folder
from gendistill.data.picture import Decoded, is_grey
from gendistill.data.raw import Block, Fit, RawData, RawSplit
from gendistill.data.split import split_by_quota
from gendistill.runtime.errors import Stopped
from gendistill.runtime.progress import Reporter
from gendistill.runtime.stopping import StopRequest

TEST_SHARE = 5  # without test/, one image in this many of every class is set aside as test part


@dataclass(frozen=True)
class Reading:
    """How a folder is read, and what came to light on the way.

    Attributes:
        root: the folder.
        findings: what is wrong with it.
        digests: MD5 of every file read, by path.
        modes: images by mode as stored.
        coloured: parts with an image whose channels differ.
        processes: that decode.
        log_seconds: least time between two lines of progress.
    """

    root: Path
    findings: Findings
    digests: dict[str, bytes]
    modes: Counter[str]
    coloured: set[str]
    processes: int
    log_seconds: float

    def take(self, part: str, paths: list[str], block: Decoded) -> None:
        """Note what a decoded block brought to light."""
        for number, reason in block.unusable:
            self.findings.add("image", f"{paths[number]}: {reason}")
        self.digests.update(zip(paths, block.digests, strict=False))  # short only if a file was refused, as all then is
        self.modes.update(block.modes)
        if block.coloured:
            self.coloured.add(part)


@dataclass(frozen=True)
class FolderImages:
    """The images of one part (see `raw.ImageFiles`).

    Attributes:
        reading: shared by all parts.
        part: its name.
        paths: relative to the folder.
        channels: 1 if all images of the folder are grey, else 3.
    """

    reading: Reading
    part: str
    paths: list[str]
    channels: int

    def blocks(self, positions: NDArray[np.int64], fit: Fit) -> Iterator[Block]:
        """The fitted images (k, c, s, s) at `positions`, and the counts of their values; those unusable are black.

        Raises:
            Stopped: the user asked for it.
            UserError: a decoding process died.
        """
        chosen = [self.paths[position] for position in positions]
        blocks = decoded(self.reading.root, chosen, fit, self.reading.processes)
        done = 0
        title = f"prepare {self.part}"
        with StopRequest() as stop, Reporter(title, len(chosen), self.reading.log_seconds, unit="image") as reporter:
            for paths, block in blocks:
                self.reading.take(self.part, paths, block)
                yield block.pixels, block.counts
                done += len(paths)
                reporter.show(done, {})
                if (why := stop.reason()) is not None:
                    raise Stopped(
                        f"{title}: {why[0]} after {done} of {len(chosen)} images; nothing was written", why[1]
                    )


@dataclass(frozen=True, kw_only=True)
class FolderData(RawData):
    """A data set whose files are read while it is being stored.

    Attributes:
        reading: shared by all parts.
    """

    reading: Reading

    def finished(self) -> Self:
        """With the MD5 of all files and notes on them.

        Raises:
            UserError: listing everything that is wrong with the folder.
        """
        reading = self.reading
        reading.findings.refuse()
        digest = hashlib.md5(usedforsecurity=False)
        for path in sorted(reading.digests):
            digest.update(os.fsencode(path) + b"\0" + reading.digests[path])
        notes = list(self.notes)
        notes.append(f"stored modes: {', '.join(f'{mode} ({n:,})' for mode, n in sorted(reading.modes.items()))}")
        if self.train.channels == 3 and not reading.coloured:
            notes.append("no image has a colour, though files say so: data.channels: 1 would make everything smaller")
        return replace(self, source={reading.root.name: digest.hexdigest()}, notes=tuple(notes))


def read_folder(root: Path, split_seed: int, *, processes: int = 1, log_seconds: float = 10) -> FolderData:
    """The data set in a folder of images; its files are decoded when `blocks` asks for them.

    Without ``test/``, a fifth of every class (rounded down, at least one image, but never the only one) is drawn from
    the training part with `split_seed`.

    Args:
        root: the folder.
        split_seed: of that draw.
        processes: that decode.
        log_seconds: least time between two lines of progress.

    Raises:
        UserError: the folder is missing or laid out in another way.
    """
    findings = Findings(str(root))
    listing = list_folder(root, findings)
    reading = Reading(root, findings, {}, Counter(), set(), processes, log_seconds)
    notes = _notes(listing)
    parts = dict(listing.parts)
    if "test" not in parts:
        parts["train"], parts["test"] = _set_aside(parts["train"], split_seed)
        notes += (f"no test/ in the folder: one image in {TEST_SHARE} of every class was drawn as test part",)
    channels = 1 if _all_grey(root, [path for part in parts.values() for path in part.paths], log_seconds) else 3
    splits = {
        part: RawSplit(FolderImages(reading, part, listed.paths, channels), listed.labels)
        for part, listed in parts.items()
    }
    return FolderData(
        splits["train"], splits["test"], listing.classes, {}, notes, validation=splits.get("val"), reading=reading
    )


def _all_grey(root: Path, paths: list[str], log_seconds: float) -> bool:
    """Whether no file says that its image has a colour; the first that does ends the search."""
    with Reporter("prepare, looking for colour", len(paths), log_seconds, unit="image") as reporter:
        for done, path in enumerate(paths):
            if not is_grey(root / path):
                return False
            if done % BLOCK == BLOCK - 1:
                reporter.show(done + 1, {})
    return True


def _set_aside(train: Listed, split_seed: int) -> tuple[Listed, Listed]:
    """What stays for training, and the test part drawn from it."""
    counts = np.bincount(train.labels)
    quota = np.where(counts > 1, np.maximum(1, counts // TEST_SHARE), 0)
    stay, aside = (
        Listed([train.paths[position] for position in chosen], train.labels[chosen])
        for chosen in split_by_quota(train.labels, quota, split_seed, "folder_test")
    )
    return stay, aside


def _notes(listing: Listing) -> tuple[str, ...]:
    """Files that were left out."""
    if not listing.others:
        return ()
    listed = ", ".join(f"{end} ({count:,})" for end, count in sorted(listing.others.items()))
    return (f"files of other kinds were left out: {listed}",)
