"""Parts that several methods' networks and objectives are built from."""

__all__: list[str] = []
