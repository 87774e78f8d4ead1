"""Words for the blocks of a file that a picture does not keep."""

from collections.abc import Iterable

__all__ = ["CREDENTIALS", "notes_on_blocks", "notes_on_rest"]

CREDENTIALS = "its content credentials (C2PA), which vouch for the photo as it was"


def notes_on_blocks(names: Iterable[bytes], credentials: bytes) -> list[str]:
    """One line on a file's blocks that nothing here can read, one on its credentials, which go by this name."""
    unknown = list(dict.fromkeys(names))
    notes = [CREDENTIALS] if credentials in unknown else []
    if others := [_in_words(name) for name in unknown if name != credentials]:
        notes.append(f"blocks that are not known here ({', '.join(others)})")
    return notes


def notes_on_rest(rest: bytes) -> list[str]:
    """One line on the bytes behind a picture's end; none where there are none, or zeros that fill a file up."""
    return [f"{len(rest)} bytes behind the picture that are not known here"] if rest.strip(b"\0") else []


def _in_words(name: bytes) -> str:
    """The name where it is text, else its bytes as hexadecimal digits."""
    text = name.decode("latin-1").strip()
    return text if text.isprintable() else name.hex()
