"""Scores of a model over pairs: the metrics, their protocols, the run over a data set, and tables."""

__all__: list[str] = []
