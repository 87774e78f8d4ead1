"""Putting properties into an XMP packet that it does not have yet; all that it has stays byte for byte."""

import re
from html import escape

from darklift.image.xmp_packet import RDF, Name, Node, Packet

__all__ = ["DC", "EXIF", "IPTC_CORE", "PHOTOSHOP", "XMP", "XMP_RIGHTS", "Properties", "with_properties"]

DC = "http://purl.org/dc/elements/1.1/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
XMP = "http://ns.adobe.com/xap/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"

Properties = dict[Name, list[str]]
"""The values of each property: one, but for lists."""

_LISTS = {
    **dict.fromkeys(((DC, "title"), (DC, "description"), (DC, "rights"), (EXIF, "UserComment")), "Alt"),
    (DC, "creator"): "Seq",
    **dict.fromkeys(((DC, "subject"), (PHOTOSHOP, "SupplementalCategories")), "Bag"),
    (IPTC_CORE, "SubjectCode"): "Bag",
}
_DATES = {(PHOTOSHOP, "DateCreated"), (XMP, "CreateDate")}
_MINUTE = len("2026-01-31T23:59")
_PREFIXES = {
    DC: "dc",
    PHOTOSHOP: "photoshop",
    XMP: "xmp",
    EXIF: "exif",
    IPTC_CORE: "Iptc4xmpCore",
    XMP_RIGHTS: "xmpRights",
}
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def with_properties(xmp: bytes | None, properties: Properties) -> tuple[bytes, list[str]]:
    """The packet, or a new one, with those of the properties that it did not have; and the local names of those that
    it had with another value, which stays.

    Raises ValueError for a packet that is no XML, or has no place for properties.
    """
    packet = Packet(xmp or _EMPTY)
    there: dict[Name, list[Node]] = {}
    for part in (part for node in packet.named((RDF, "RDF")) for part in node.parts()):
        there.setdefault(part.name, []).append(part)
    missing = {name: values for name, values in properties.items() if name not in there}
    others = [
        name[1]
        for name, values in properties.items()
        if name in there and not all(_is_said(value, there[name], date=name in _DATES) for value in values)
    ]
    if not missing:
        return packet.data, others
    places = [node for node in packet.named((RDF, "RDF")) if node.value[1] < node.span[1]]
    if not places:
        raise ValueError("XMP without a place for properties")
    about = packet.named((RDF, "about"))
    resource = packet.data[slice(*about[0].value)].decode() if about else ""
    quote = "'" if '"' in resource else '"'
    parts = "".join(_element(name, values) for name, values in missing.items())
    packet.insert(
        places[0].value[1],
        f'<rdf:Description xmlns:rdf="{RDF}" rdf:about={quote}{resource}{quote}>{parts}</rdf:Description>',
    )
    return packet.edited(), others


def _is_said(value: str, there: list[Node], *, date: bool) -> bool:
    """Whether a property has this value. One that goes on says it, too: IPTC's fields are cut at some length."""
    values = [" ".join(each.text.split()) for node in there for each in node.items() or [node]]
    value = " ".join(_NO_XML.sub(" ", value).split())
    if date:  # of which each may tell seconds and a zone that the other does not
        return any(bool(each) and value[: len(each)][:_MINUTE] == each[: len(value)][:_MINUTE] for each in values)
    return any(each.startswith(value) for each in values)


def _element(name: Name, values: list[str]) -> str:
    space, local = name
    kind = _LISTS.get(name)
    texts = [escape(_NO_XML.sub(" ", value), quote=False) for value in values]
    if kind is None:
        contents = texts[0]
    else:
        language = ' xml:lang="x-default"' if kind == "Alt" else ""
        items = "".join(f"<rdf:li{language}>{text}</rdf:li>" for text in (texts[:1] if kind == "Alt" else texts))
        contents = f"<rdf:{kind}>{items}</rdf:{kind}>"
    prefix = _PREFIXES[space]
    return f'<{prefix}:{local} xmlns:{prefix}="{space}">{contents}</{prefix}:{local}>'
