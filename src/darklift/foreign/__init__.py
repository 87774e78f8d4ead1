"""The published methods' released checkpoints, read without executing anything that is in them."""

from darklift.foreign.gsad import convert_gsad
from darklift.foreign.lldiffusion import Weights, convert_lldiffusion

__all__ = ["Weights", "convert_gsad", "convert_lldiffusion"]
