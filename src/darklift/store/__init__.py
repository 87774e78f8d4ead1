"""Models on disk and in memory: opening them, our checkpoints, exported models, and released files of others."""

__all__: list[str] = []
