"""Many files through one loaded model: which pictures are meant, where results go, and what became of each."""

__all__: list[str] = []
