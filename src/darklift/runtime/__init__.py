"""What runs a network: one :class:`Model` over graphs that a backend executes. The backends are imported where they
are used.
"""

from darklift.runtime.base import GraphRunner, Model, ModelCard, Piece

__all__ = ["GraphRunner", "Model", "ModelCard", "Piece"]
