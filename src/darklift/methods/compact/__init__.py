"""compact, darklift's own default: ``method`` (configuration, training, inference) and ``net``."""

from darklift.methods.compact.method import Compact, CompactConfig

__all__ = ["Compact", "CompactConfig"]
