"""Libraries that are no part of the core: imported when they are needed, and named when they are missing."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from darklift.errors import MissingExtraError

__all__ = ["DEEP", "Extra"]


@dataclass(frozen=True, slots=True)
class Extra:
    """A library that is no part of the core. module: what is imported; package: what pip calls it; name: of the extra
    of ours that brings it.
    """

    module: str
    package: str
    name: str

    def installed(self) -> bool:
        """Whether it is there; nothing is imported."""
        return importlib.util.find_spec(self.module) is not None

    def require(self, purpose: str) -> None:
        """Raise ``MissingExtraError`` where it is missing. purpose: as in "reading a HEIC photo"."""
        if not self.installed():
            raise MissingExtraError(self.package, self.name, purpose)

    def load(self, purpose: str) -> Any:
        """The module; ``MissingExtraError`` as of ``require``."""
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            raise MissingExtraError(self.package, self.name, purpose) from error


DEEP = Extra("imagecodecs", "imagecodecs", "deep")
"""Pixels of AVIF and JPEG 2000 files with more than 8 bits; inks with as many, through their profile."""
