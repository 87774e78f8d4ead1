"""The methods: each one's network, conditioning, training objective and sampler presets, under the same headings."""

from darklift.methods.base import Graph, Method, Stage
from darklift.methods.compact import Compact
from darklift.methods.gsad import Gsad
from darklift.methods.lldiffusion import Lldiffusion

__all__ = ["METHODS", "Compact", "Graph", "Gsad", "Lldiffusion", "Method", "Stage"]

METHODS: dict[str, type[Method]] = {method.name: method for method in (Compact, Gsad, Lldiffusion)}
