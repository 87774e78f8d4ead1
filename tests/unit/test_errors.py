"""What messages are made of."""

import pytest

from darklift.errors import one_line


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
