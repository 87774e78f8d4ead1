"""An XMP packet (ISO 16684-1) as a tree whose every part knows its bytes, so that it can be edited where it stands.

A packet that is parsed and written anew is another packet. So what shall change is replaced in the text, and the rest
stays byte for byte. Nothing is trusted: whatever is no well-formed XML in UTF-8 ends as a ValueError.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from xml.parsers import expat

__all__ = ["RDF", "Name", "Node", "Packet"]

Name = tuple[str, str]
"""(namespace, local name)."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_WRAPPERS = {(RDF, name) for name in ("Description", "Bag", "Seq", "Alt")}
# Packets are met that forget to declare these.
_USUAL = {"rdf": RDF, "tiff": "http://ns.adobe.com/tiff/1.0/", "exif": "http://ns.adobe.com/exif/1.0/"}
_ATTRIBUTE = re.compile(rb"\s+([^\s=<>/]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_DEEPEST = 64


@dataclass(slots=True, eq=False)
class Node:
    """An element, or an attribute, which says the same in RDF.

    Attributes:
        name: namespace and local name. text: of a simple value, without the blanks around it.
        span: the bytes of all of it. value: those of the text, or of what is between the tags; empty at the end of
            the start tag of an element that has none.
        children: attributes, then elements.
    """

    name: Name
    span: tuple[int, int]
    value: tuple[int, int]
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the text."""
        rest = [self]
        while rest:
            node = rest.pop()
            yield node
            rest.extend(reversed(node.children))

    def parts(self) -> Iterator[Node]:
        """The fields of a structure, or the items of a list: what is left without RDF's own elements around them."""
        for child in self.children:
            if child.name in _WRAPPERS:
                yield from child.parts()
            else:
                yield child

    def fields(self) -> dict[Name, Node]:
        """The fields of a structure by name."""
        return {part.name: part for part in self.parts()}

    def items(self) -> list[Node]:
        """The items of a list."""
        return [part for part in self.parts() if part.name == (RDF, "li")]


class Packet:
    """A packet, and the changes that it shall get. Raises ValueError for what is no well-formed XML."""

    def __init__(self, data: bytes) -> None:
        self.data = data.rstrip(b"\0")
        self._edits: list[tuple[int, int, bytes]] = []
        self.root = _Reader(self.data).read()

    def named(self, name: Name) -> list[Node]:
        """Every node of this name."""
        return [node for node in self.root.walk() if node.name == name]

    def replace(self, node: Node, text: str) -> None:
        """Give a simple value another text."""
        start, end = node.value
        self._edits.append((start, end, escape(text).replace("&#x27;", "&apos;").encode()))

    def remove(self, node: Node) -> None:
        """Take a node out, with all that is in it, whatever else shall become of that."""
        self._edits.append((*node.span, b""))

    def insert(self, position: int, markup: str) -> None:
        """Put XML between two bytes."""
        self._edits.append((position, position, markup.encode()))

    def edited(self) -> bytes:
        """The packet with all of that done."""
        parts, at = [], 0
        for start, end, text in sorted(self._edits, key=lambda edit: (edit[0], -edit[1])):
            if start >= at:  # else it is inside of what has been taken out
                parts += [self.data[at:start], text]
                at = end
        return b"".join([*parts, self.data[at:]])


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[Node] = []
        self._scopes: list[ChainMap[str, str]] = [ChainMap(_USUAL)]
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True  # else each line is a piece of its own
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._root: Node | None = None

    def read(self) -> Node:
        try:
            self._parser.Parse(self._data, True)
        except (expat.ExpatError, LookupError) as error:  # or it does not stand in the text as XML has it
            raise ValueError(f"XMP that is no XML ({error})") from error
        assert self._root is not None  # a document without an element is no XML
        return self._root

    def _refuse(self, *_: object) -> None:
        raise ValueError("XMP with a document type")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise ValueError("XMP that is nested too deeply")
        prefixes = {
            name.partition(":")[2]: space for name, space in attributes.items() if re.match(r"xmlns(:|$)", name)
        }
        self._scopes.append(self._scopes[-1].new_child(prefixes) if prefixes else self._scopes[-1])
        start = self._parser.CurrentByteIndex
        at = start + 1 + len(tag.encode())
        children = []
        while found := _ATTRIBUTE.match(self._data, at):
            name, at = found[1].decode(), found.end()
            if not name.startswith(("xmlns", "xml:")):
                text = attributes[name]
                children.append(Node(self._resolved(name), found.span(), (found.start(2) + 1, at - 1), text.strip()))
        end = self._data.index(b">", at) + 1
        node = Node(self._resolved(tag), (start, end), (end, end), children=children)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)

    def _resolved(self, name: str) -> Name:
        prefix, colon, local = name.rpartition(":")
        # an attribute without a prefix is in no namespace, but RDF and XMP know none such
        return (self._scopes[-1].get(prefix, ""), local) if colon else (self._scopes[-1].get("", ""), name)

    def _end(self, _: str) -> None:
        self._scopes.pop()
        node = self._open.pop()
        at = self._parser.CurrentByteIndex
        if self._data[node.value[0] - 2 : node.value[0]] != b"/>":
            node.value = (node.value[0], at)
            node.span = (node.span[0], self._data.index(b">", at) + 1)
        node.text = node.text.strip()

    def _text(self, text: str) -> None:
        self._open[-1].text += text
