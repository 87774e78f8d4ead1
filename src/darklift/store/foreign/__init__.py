"""The published methods' released checkpoints, read without executing anything that is in them."""

from darklift.store.foreign.gsad import convert_gsad
from darklift.store.foreign.lldiffusion import Weights, convert_lldiffusion

__all__ = ["Weights", "convert_gsad", "convert_lldiffusion"]
