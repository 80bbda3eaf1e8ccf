"""Where the user's checkout is, also from the temporary copies in which DVC runs queued experiments."""

import os
from pathlib import Path


def home() -> Path:
    """The user's own checkout.

    DVC sets ``DVC_ROOT`` for every stage, and in ``--temp`` and ``--queue`` runs it still names the checkout
    the user works in, not the temporary copy. A stage started by hand runs from the checkout itself.
    """
    return Path(os.environ.get("DVC_ROOT") or Path.cwd())
