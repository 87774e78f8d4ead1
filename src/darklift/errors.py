"""Everything darklift raises on purpose.

::

    DarkliftError            any failure that we can name; the command line prints it on one line, exit code 1
    ├── UsageError           the request itself is wrong (bad option, bad type, bad range): exit code 2
    │   └── ConfigError      a recipe or ``--set`` names an unknown key or an impossible value
    ├── MissingExtraError    an optional dependency is not installed; the message names the ``pip install``
    ├── ImageError           a picture cannot be read, or cannot be written
    ├── ModelError           a model, checkpoint or export is unknown, damaged or of another kind
    ├── DataError            a data set on disk does not pair up or is empty
    ├── BatchError           many photos cannot go on: a full disk, results that were removed, a manifest that cannot be
    │                        written
    └── TrainingError        training cannot go on (non-finite loss, a run folder that does not fit)

Every message says three things: what was got, what was expected, what to do. It is one line, whatever the names of
files in it.
"""

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "IN_THE_WAY",
    "BatchError",
    "ConfigError",
    "DarkliftError",
    "DataError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "TrainingError",
    "UsageError",
    "hint_for",
    "one_line",
    "printable",
]

IN_THE_WAY = "it exists already, choose another name or allow overwriting (--overwrite)"
"""What is said of a file that is not to be replaced, whoever finds it, before the work or after."""


_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """The text on one line that does nothing to a terminal: a file's name may hold anything.

    Control characters, ends of lines and what is no character (bytes of a name in another coding) become escapes, as in
    ``\\n``. Doing it twice changes nothing more.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def hint_for(name: str, known: Iterable[str], otherwise: str) -> str:
    """What a message about an unknown name ends with: the nearest known one, or ``otherwise`` where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def one_line(error: BaseException | str) -> str:
    """What an error from elsewhere says, short enough to go into a message of ours.

    What the system says of a file, else its first line, but not one that only announces the next, such as "Exception
    from core.cpp:92:". An error without words goes by the name of its type.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.endswith(":")]
    return (telling or lines or [type(error).__name__])[0]


class DarkliftError(Exception):
    """Base of every error that darklift raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(DarkliftError):
    """The request itself is wrong: an unknown option, a wrong type, a value out of range."""

    exit_code = 2


class ConfigError(UsageError):
    """A recipe, or a ``--set key=value``, names an unknown key or holds an impossible value."""


class MissingExtraError(DarkliftError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: run  pip install 'darklift[{extra}]'")
        self.package = package
        self.extra = extra


class ImageError(DarkliftError):
    """A picture cannot be read or written."""


class ModelError(DarkliftError):
    """A model, a checkpoint or an exported model is unknown, damaged or of another kind."""


class BatchError(DarkliftError):
    """A batch of photos cannot go on, whichever photo comes next."""


class DataError(DarkliftError):
    """A data set on disk is empty or does not pair up."""


class TrainingError(DarkliftError):
    """Training cannot start or cannot go on."""
