"""The one exception that stands for a user's mistake."""


class CmrError(Exception):
    """A problem that the user can mend; its message is one clear sentence.

    The command line prints the message on stderr and exits with code 1.
    """


class MissingFileError(CmrError):
    """A file of the warehouse is not there."""
