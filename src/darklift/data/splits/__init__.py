"""Lists of names: a split that comes with darklift, by its name, or a text file.

``lolv1-val``: 51 of LOL-v1's 485 training pairs, 25 whole scenes. darklift's models are chosen on them. The bundled
ones are then trained on all pairs; twins of theirs that never saw these 51 are in the repository's benchmarks/models.
"""

import os
from pathlib import Path

from darklift.errors import DataError

__all__ = ["SPLITS", "read_names"]

_FOLDER = Path(__file__).parent

SPLITS = tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))
"""The names of those that come with darklift."""


def read_names(where: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read a list of names: a file of UTF-8 text, one name a line, or the name of a split in :data:`SPLITS`.

    Blank lines and blanks around a name are ignored. A file goes before a split of the same name.

    Returns:
        The names in the list's order; never empty.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text or holds no name.
    """
    path = Path(where)
    if path.name in SPLITS and not path.exists():
        path = _FOLDER / f"{path.name}.txt"
    try:
        # utf-8-sig: lists saved on Windows may start with a byte order mark, which would become part of the first name.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read {where}: {error.strerror}; expected a text file with one name a line, or {', '.join(SPLITS)}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text; expected one name a line: save it as UTF-8") from error
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not names:
        raise DataError(f"no name in {where}; expected one name a line")
    return names
