"""Models on disk: opening them (``load``), our checkpoints, exports and the way back from them, and converting the
published methods' released files.
"""

__all__: list[str] = []
