"""GSAD (NeurIPS 2023): ``method`` (configuration, training, inference), ``net``, the global ``structure`` term, and how
``released`` files map onto it.
"""

from darklift.methods.gsad.method import Gsad, GsadConfig, PresetName

__all__ = ["Gsad", "GsadConfig", "PresetName"]
