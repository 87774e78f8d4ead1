"""What runs a network: one :class:`Model` over graphs that a backend executes. The backends are imported where they
are used.
"""

from darklift.runtime.card import ModelCard
from darklift.runtime.footprint import Footprint
from darklift.runtime.intervals import Intervals
from darklift.runtime.model import GraphRunner, Guess, Model, Piece

__all__ = ["Footprint", "GraphRunner", "Guess", "Intervals", "Model", "ModelCard", "Piece"]
