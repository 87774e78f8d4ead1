"""The jobs of a batch on many machines, by Ray Data: the same results, each once, whatever dies meanwhile."""

__all__: list[str] = []
