"""An IPTC-NAA record (IIM 4.2) in the words of XMP (IPTC Photo Metadata Standard, IPTC Core)."""

import re
import struct
from collections.abc import Iterator

from darklift.image.xmp_add import DC, IPTC_CORE, PHOTOSHOP, XMP, Properties
from darklift.image.xmp_packet import Name

__all__ = ["iptc_as_xmp"]

_UTF8 = b"\x1b%G"
_CHARSET = (1, 90)
_DATES = {(2, 55): (2, 60), (2, 62): (2, 63)}  # a date, and the time that belongs to it
_NAMES: dict[tuple[int, int], Name] = {
    (2, 5): (DC, "title"),
    (2, 10): (PHOTOSHOP, "Urgency"),
    (2, 12): (IPTC_CORE, "SubjectCode"),
    (2, 15): (PHOTOSHOP, "Category"),
    (2, 20): (PHOTOSHOP, "SupplementalCategories"),
    (2, 25): (DC, "subject"),
    (2, 40): (PHOTOSHOP, "Instructions"),
    (2, 55): (PHOTOSHOP, "DateCreated"),
    (2, 62): (XMP, "CreateDate"),
    (2, 80): (DC, "creator"),
    (2, 85): (PHOTOSHOP, "AuthorsPosition"),
    (2, 90): (PHOTOSHOP, "City"),
    (2, 92): (IPTC_CORE, "Location"),
    (2, 95): (PHOTOSHOP, "State"),
    (2, 100): (IPTC_CORE, "CountryCode"),
    (2, 101): (PHOTOSHOP, "Country"),
    (2, 103): (PHOTOSHOP, "TransmissionReference"),
    (2, 105): (PHOTOSHOP, "Headline"),
    (2, 110): (PHOTOSHOP, "Credit"),
    (2, 115): (PHOTOSHOP, "Source"),
    (2, 116): (DC, "rights"),
    (2, 120): (DC, "description"),
    (2, 122): (PHOTOSHOP, "CaptionWriter"),
}


def iptc_as_xmp(record: bytes) -> tuple[Properties, list[str]]:
    """The properties that say the same, and what has no such property, as in "2:65"; "IPTC" for a damaged record."""
    values: dict[tuple[int, int], list[bytes]] = {}
    try:
        for key, value in _data_sets(record):
            values.setdefault(key, []).append(value)
    except (ValueError, struct.error):
        return {}, ["IPTC"]
    utf8 = values.get(_CHARSET) == [_UTF8]
    found: Properties = {}
    others = []
    for key, contents in values.items():
        texts = [_text(each, utf8) for each in contents]
        if key in _DATES:
            time = values.get(_DATES[key], [b""])[0].decode("latin-1")
            texts = [date for date in (_date(texts[0], time),) if date]
        elif key == (2, 12):
            texts = [code[0] for text in texts if (code := re.search(r"\d{8}", text))]
        if key in _NAMES and texts:
            found[_NAMES[key]] = texts
        elif key not in _DATES.values() and key[0] == 2 and key[1]:  # the rest says how the record is written
            others.append(f"{key[0]}:{key[1]:02}")
    return found, others


def _data_sets(record: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at + 5 <= len(record) and record[at] == 0x1C:
        part, number, length = struct.unpack_from(">2BH", record, at + 1)
        at += 5
        if length & 0x8000:  # as many bytes say how long it is
            size = length & 0x7FFF
            if size > 4:
                raise ValueError(size)
            length = int.from_bytes(record[at : at + size], "big")
            at += size
        if at + length > len(record):
            raise ValueError(length)
        yield (part, number), record[at : at + length]
        at += length
    if record[at:].strip(b"\0"):
        raise ValueError(at)


def _text(value: bytes, utf8: bool) -> str:
    """Where the record does not say how its letters are written, many programs write UTF-8 all the same."""
    value = value.rstrip(b"\0")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace") if utf8 else value.decode("latin-1")


def _date(date: str, time: str) -> str | None:
    """20260131 and 235959+0100 as XMP writes them."""
    day = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", date)
    if day is None or day[1] == "0000":
        return None
    if day[2] == "00":
        return day[1]
    if day[3] == "00":
        return f"{day[1]}-{day[2]}"
    clock = re.fullmatch(r"(\d\d)(\d\d)(\d\d)(?:([+-]\d\d)(\d\d))?", time)
    zone = f"{clock[4]}:{clock[5]}" if clock and clock[4] else ""
    return "-".join(day.groups()) + (f"T{clock[1]}:{clock[2]}:{clock[3]}{zone}" if clock else "")
