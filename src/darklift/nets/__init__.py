"""Neural networks as plain ``nn.Module`` classes; they import nothing of darklift but one another."""

from darklift.nets.compact import CoarseNet, CompactNet, CompactNetConfig, ExposureNet, FineNet
from darklift.nets.gsad import GsadNet, GsadNetConfig
from darklift.nets.lldiffusion import LldiffusionNet, LldiffusionNetConfig

__all__ = [
    "CoarseNet",
    "CompactNet",
    "CompactNetConfig",
    "ExposureNet",
    "FineNet",
    "GsadNet",
    "GsadNetConfig",
    "LldiffusionNet",
    "LldiffusionNetConfig",
]
