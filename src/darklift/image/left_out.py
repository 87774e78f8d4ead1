"""What a picture carries that a format has no place for, in words."""

from darklift.image.carried import carried
from darklift.image.formats import format_called
from darklift.image.picture import Picture

__all__ = ["left_out"]


def left_out(picture: Picture, format: str) -> tuple[str, ...]:
    """One line on the metadata that a file of this format, by name or extension, does not get; none where it gets all.

    What the picture's own file held, and the picture does not, stands in ``Metadata.notes``.
    """
    kind = format_called(format)
    if kind is None:
        return ()
    _, names = carried(picture, kind.name, kind.keeps)
    if not names:
        return ()
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    return (f"its {listed}: {kind.name} has no place for {'them' if others else 'it'}",)
