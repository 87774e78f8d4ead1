"""What runs a network: one :class:`Model` over graphs that a backend executes. The backends are imported where they
are used.
"""

from darklift.runtime.base import GraphRunner, Guess, Model, ModelCard, Piece

__all__ = ["GraphRunner", "Guess", "Model", "ModelCard", "Piece"]
