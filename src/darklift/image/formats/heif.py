"""HEIC and HEIF, as phones write them: 8, 10 or 12 bits, with EXIF, XMP and an ICC profile. Only read.

pi-heif decodes, which comes with the extra ``heif``: its wheels hold libheif and libde265, both LGPL. Wheels that also
encode bundle x265, which is GPL. libheif turns and crops the picture by the file's own properties; EXIF and XMP have no
say in that.
"""

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError
from darklift.image.boxed import described_by_boxes
from darklift.image.boxes import HeifFacts, brands, heif_facts
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.extras import Extra
from darklift.image.formats.base import Format
from darklift.image.metadata import profile_name
from darklift.image.picture import Metadata, Picture, Source
from darklift.image.pixels import check_size
from darklift.image.samples import FloatArray
from darklift.image.xmp_claims import without_claims

__all__ = ["FORMAT"]

_NAME = "HEIF"
_EXTRA = Extra("pi_heif", "pi-heif", "heif")
_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "RGBa": 4, "I": 1}


def _sniff(head: bytes) -> int:
    found = set(brands(head))
    return 12 if found & _BRANDS and not found & {b"avif", b"avis"} else 0


def _decode(stream: BinaryIO) -> Picture:
    stream.seek(0)
    data = stream.read()
    facts = heif_facts(data)
    heif = _open(data)
    metadata = _metadata(heif.info, facts)  # first: it may be reason enough to refuse the file
    mode, _, deep = heif.mode.partition(";")
    check_size(*heif.size, held=12, decoding=12 + _CHANNELS[mode] * (2 if deep else 1))
    if len(heif) > 1:
        raise ImageError(f"{len(heif)} pictures in one file, expected 1: save each as a file of its own")
    unit, premultiplied = _samples(heif, facts.bits)
    gray = facts.gray or unit.shape[2] < 3
    pixels = np.repeat(unit[:, :, :1], 3, axis=2) if gray else np.ascontiguousarray(unit[:, :, :3])
    alpha = np.ascontiguousarray(unit[:, :, -1]) if unit.shape[2] in (2, 4) else None
    if premultiplied and alpha is not None:
        pixels = np.clip(pixels / np.maximum(alpha, 1e-6)[:, :, None], 0, 1)
    space = "sRGB" if metadata.icc_profile is None else profile_name(metadata.icc_profile)
    return Picture(pixels, alpha=alpha, gray=gray, metadata=metadata, source=Source(_NAME, facts.bits, space))


def _open(data: bytes) -> Any:
    return _EXTRA.load("reading a HEIC photo").open_heif(data, convert_hdr_to_8bit=False)


def _metadata(info: dict[str, Any], facts: HeifFacts) -> Metadata:
    metadata = described_by_boxes(info, facts, facts.turned)
    profile = metadata.icc_profile
    numbers = facts.nclx
    if numbers is not None and (profile is None or numbers[1] in (16, 18)):  # HDR, whatever the profile says
        profile = profile_of_numbers(*numbers[:2], gray=facts.gray)
    xmp = metadata.xmp and without_claims(metadata.xmp.rstrip(b"\0"))
    return replace(metadata, icc_profile=profile, xmp=xmp or None)


def _samples(heif: Any, bits: int) -> tuple[FloatArray, bool]:
    """The channels in [0, 1], float32 (H, W, C), and whether colours are multiplied with alpha."""
    mode, _, deep = heif.mode.partition(";")
    width, height = heif.size
    samples: npt.NDArray[Any] = np.frombuffer(heif.data, "<u2" if deep else np.uint8)
    samples = samples.reshape(height, width, _CHANNELS[mode])
    if not deep:
        return np.divide(samples, 255, dtype=np.float32), mode == "RGBa"
    # the library shifts 10 and 12 bits up to 16, so that white is not 65535
    return np.divide(samples >> (16 - bits), 2**bits - 1, dtype=np.float32), mode == "RGBa"


FORMAT = Format(
    name=_NAME,
    extensions=(".heic", ".heif", ".hif"),
    sniff=_sniff,
    decode=_decode,
    needs=_EXTRA,
    written_as=".jpg",
)
