"""What messages are made of."""

import pytest

from darklift.errors import ImageError, one_line, printable


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no such key"), "no such key"),
        (ValueError("cannot load\nTry another file, or\nanother program"), "cannot load"),
        (RuntimeError("\n\n  disk full  \n"), "disk full"),
        (
            RuntimeError("Exception from core.cpp:92:\nCheck failed at reader.cpp:7:\nunsupported type\n"),
            "unsupported type",
        ),
        (RuntimeError("the file ends here:"), "the file ends here:"),
        (MemoryError(), "MemoryError"),
        (ValueError(" \n"), "ValueError"),
        ("a warning's text", "a warning's text"),
    ],
)
def test_an_error_from_elsewhere_becomes_one_line(error, expected):
    assert one_line(error) == expected


def test_names_of_files_cannot_break_a_message():
    name = "a\nb\r\x1b[31mc\u2028\udcff.png"
    error = ImageError(f"cannot read {name}: no such file")
    assert str(error) == r"cannot read a\nb\r\x1b[31mc\u2028\udcff.png: no such file"
    assert printable(str(error)) == str(error)


@pytest.mark.parametrize("text", ["night 1.jpg", "Nächte\u202f10.23.png", "👩\u200d🚀.png", r"C:\new\x.png", "夜.jpg"])
def test_what_can_be_seen_stays(text):
    assert printable(text) == text
