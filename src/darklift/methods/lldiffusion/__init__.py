"""LLDiffusion (2023/2025): ``method`` (configuration, training, inference), ``net``, the ``degradation`` encoder, and
how ``released`` files map onto it.
"""

from darklift.methods.lldiffusion.method import LOL_V2, Lldiffusion, LldiffusionConfig

__all__ = ["LOL_V2", "Lldiffusion", "LldiffusionConfig"]
