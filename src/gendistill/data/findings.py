"""What is wrong with a folder of images, collected so that a user learns all of it at once."""

from gendistill.runtime.errors import UserError

SHOWN = 20  # names given of one kind of finding
ADVICE = {  # by kind: what it is, and what to do about it
    "empty": ("class folders without an image", "add images or remove the folder"),
    "twins": ("class folders that are the same but for case, or lead to the same place", "keep one of them"),
    "name": ("class folders with names that cannot be printed", "rename them"),
    "untrained": ("classes that are not in train/", "add them there or remove them"),
    "loose": ("images that lie in no class folder", "move them into one"),
    "linked": ("links to folders inside of a class folder, which are not followed", "put the images there"),
    "special": ("things named as images that are no files, or links that lead nowhere", "remove them"),
    "kind": ("images of kinds that are not read", "save them as PNG, JPEG, WebP, BMP or TIFF"),
    "unreadable": ("folders that may not be listed", "give read permission"),
    "image": ("images that cannot be used", "save them anew or remove them"),
}


class Findings:
    """Findings by kind, a key of `ADVICE`, in the order they came."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.named: dict[str, list[str]] = {}

    def add(self, kind: str, name: str) -> None:
        """Note one thing that is wrong."""
        self.named.setdefault(kind, []).append(name)

    def refuse(self) -> None:
        """End with one message if anything was noted.

        Raises:
            UserError: listing every kind with its count, and the first `SHOWN` names of each.
        """
        if not self.named:
            return
        lines = [f"{self.place} cannot be used as it is; nothing was written:"]
        for kind, (what, advice) in ADVICE.items():
            if names := self.named.get(kind, []):
                lines.append(f"{what} ({len(names):,}); {advice}:")
                lines += [f"  {name}" for name in names[:SHOWN]]
                lines += [f"  and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
        raise UserError("\n  ".join(lines))
