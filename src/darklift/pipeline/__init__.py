"""From a dark picture to a bright one: what is decided about a photo, and doing it."""

__all__: list[str] = []
