"""Errors that the user can fix, and warnings about damage found along the way."""


class CmrError(Exception):
    """A problem that the user can fix; its message is one clear sentence.

    The command line prints the message on stderr and exits with code 1.
    """


class MissingFileError(CmrError):
    """A file of the warehouse is missing."""


class EngineWarning(UserWarning):
    """Something that an engine's library said while it worked; the command line prints it."""


class LeftOutWarning(UserWarning):
    """Something not asked for by name that is left out, and why; the command line prints it."""


class DamageWarning(UserWarning):
    """A file of the warehouse differs from what was written; it is left out, the rest is used.

    The message is one sentence that names the file. The command line prints it on stderr.
    """
