"""The two ways a run ends early on purpose: the user must mend something, or the run was asked to stop."""


class UserError(Exception):
    """Something the user can mend; the message says what, found, expected, and what to do."""


class Stopped(Exception):
    """A long loop was asked to stop and has saved its state; the same command continues it.

    Attributes:
        status: exit status for the process, by the convention of shells (130 for Ctrl-C, 143 for
            SIGTERM) or 75 ("try again") for a time limit.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
