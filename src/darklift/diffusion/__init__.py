"""Diffusion as pure maths, on numpy or torch arrays; imports nothing of darklift and never torch.

``alpha_bar`` (ᾱ, written *abar*) is the currency for the noise level everywhere: a ladder is a tuple of abar values, a
denoiser is called with an abar. What a network makes of it (a step number, sqrt(abar), an angle) is the method's
business.
"""

from darklift.diffusion.noise import noise_field, noise_image, random_generator
from darklift.diffusion.preset import SamplerPreset
from darklift.diffusion.sampler import Denoiser, sample
from darklift.diffusion.schedule import (
    Ladder,
    NoiseSchedule,
    add_noise,
    eps_from_v,
    eps_from_x0,
    posterior,
    x0_from_eps,
)

__all__ = [
    "Denoiser",
    "Ladder",
    "NoiseSchedule",
    "SamplerPreset",
    "add_noise",
    "eps_from_v",
    "eps_from_x0",
    "noise_field",
    "noise_image",
    "posterior",
    "random_generator",
    "sample",
    "x0_from_eps",
]
