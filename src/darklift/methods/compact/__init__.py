"""compact, darklift's own default: ``method`` (configuration, training, inference), ``net`` (how its nets work
together, and the fine net), ``exposure``, ``coarse`` and ``unet`` (the other nets), and what training and inference are
made of (``objective``, ``inference``).
"""

from darklift.methods.compact.method import Compact, CompactConfig

__all__ = ["Compact", "CompactConfig"]
