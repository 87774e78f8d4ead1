"""The methods: each one's network, conditioning, training objective and sampler presets, under the same headings."""

from darklift.methods.base import Graph, Method, Stage
from darklift.methods.compact import Compact

__all__ = ["METHODS", "Compact", "Graph", "Method", "Stage"]

METHODS: dict[str, type[Method]] = {Compact.name: Compact}
