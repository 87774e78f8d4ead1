"""compact, darklift's own default: ``config`` (a recipe's keys), ``method`` (training, inference), ``net`` (how its
nets work together, and the fine net), ``exposure``, ``coarse`` and ``unet`` (the other nets), and what training and
inference are made of (``objective``, ``inference``).
"""

from darklift.methods.compact.config import CompactConfig
from darklift.methods.compact.method import Compact

__all__ = ["Compact", "CompactConfig"]
