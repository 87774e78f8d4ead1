"""The methods, a folder each and all laid out alike: ``method`` (configuration, training, inference), ``net`` (the
network), what is the method's own, and ``released`` (how its authors' files map onto ours). ``base`` says what every
method offers, ``parts`` holds what several are built from, and ``darkening`` darkens a picture by any method that can.
"""

from darklift.methods.base import Graph, Method, Release, Stage
from darklift.methods.compact import Compact
from darklift.methods.gsad import Gsad
from darklift.methods.gsad import released as released_gsad
from darklift.methods.lldiffusion import Lldiffusion
from darklift.methods.lldiffusion import released as released_lldiffusion

__all__ = ["METHODS", "RELEASES", "Compact", "Graph", "Gsad", "Lldiffusion", "Method", "Stage"]

METHODS: dict[str, type[Method]] = {method.name: method for method in (Compact, Gsad, Lldiffusion)}
"""Every method by the name that recipes and checkpoints give it."""

RELEASES: tuple[Release, ...] = (released_gsad, released_lldiffusion)
"""How each published method's released files are told and read."""
