"""Where a manifest is kept."""

from pathlib import Path

import pytest

from darklift.batch.place import folder_of_results


@pytest.mark.parametrize(
    ("arguments", "output", "several", "expected"),
    [
        (["photos"], "bright", True, "bright"),
        (["photos"], "bright/", True, "bright"),
        (["photos/a.jpg"], "bright/", False, "bright"),
        (["photos/a.jpg"], "photos", False, "photos"),
        (["photos/a.jpg"], "out/b.jpg", False, "out"),
        (["photos/a.jpg"], "b.jpg", False, "."),
        (["photos"], "out/deep/{n}_{stem}.jpg", True, "out/deep"),
        (["photos"], "out/x{n}.jpg", True, "out"),
        (["photos"], "{n}.jpg", True, "."),
        (["photos"], "/{n}.jpg", True, "/"),
        (["photos"], "{parent}/x_{stem}.jpg", True, "photos"),
        (["photos"], None, True, "photos"),
        (["photos/a.jpg"], None, False, "photos"),
        (["photos/deep", "photos/a.jpg"], None, True, "photos"),
        (["photos/deep/*.jpg"], None, True, "photos/deep"),
        (["photos/*/a.jpg"], None, True, "photos"),
        (["*.jpg"], None, True, "."),
    ],
)
def test_it_depends_on_what_was_typed(
    arguments: list[str],
    output: str | None,
    several: bool,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos/deep").mkdir(parents=True)
    (tmp_path / "photos/a.jpg").touch()
    assert folder_of_results(arguments, output, several).absolute() == Path(expected).absolute()
