"""Tables of the catalogue: entries by name."""

from typing import Protocol, TypeVar


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


def table(*entries: _Entry) -> dict[str, _Entry]:
    """Entries by name, in the order given."""
    return {entry.name: entry for entry in entries}
