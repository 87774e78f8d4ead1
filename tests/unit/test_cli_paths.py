import os
from collections.abc import Callable
from pathlib import Path

import pytest

from darklift.batch.paths import Found, Job, find_pictures, plan_jobs, without_earlier_results
from darklift.errors import UsageError

Touch = Callable[..., None]


@pytest.fixture
def touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Touch:
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def names_of(found: list[Found]) -> list[str]:
    return [picture.path.as_posix() for picture in found]


def targets_of(jobs: list[Job]) -> list[str]:
    return [job.target.as_posix() for job in jobs]


class TestFindPictures:
    def test_files_come_in_the_order_given(self, touch: Touch) -> None:
        touch("b.jpg", "a.png")
        assert names_of(find_pictures(["b.jpg", "a.png"])) == ["b.jpg", "a.png"]

    def test_a_file_that_is_named_counts_whatever_its_name_and_even_if_missing(self, touch: Touch) -> None:
        touch("scan.xyz")
        long = "x" * 300 + ".jpg"
        assert names_of(find_pictures(["scan.xyz", "gone.jpg", long])) == ["scan.xyz", "gone.jpg", long]

    def test_a_folder_gives_its_visible_pictures_in_natural_order(self, touch: Touch) -> None:
        touch("in/10.jpg", "in/9.JPG", "in/notes.txt", "in/.hidden.jpg", "in/deep/1.png", "in/.git/2.png")
        assert names_of(find_pictures(["in"])) == ["in/9.JPG", "in/10.jpg"]
        assert names_of(find_pictures(["in"], recursive=True)) == ["in/9.JPG", "in/10.jpg", "in/deep/1.png"]

    def test_the_output_folder_inside_an_input_folder_is_left_out(self, touch: Touch) -> None:
        touch("in/a.jpg", "in/out/a.jpg", "in/out/deep/b.jpg")
        assert names_of(find_pictures(["in"], recursive=True, output="in/out/")) == ["in/a.jpg"]

    def test_a_pattern_is_expanded(self, touch: Touch) -> None:
        touch("n2.jpg", "n10.jpg", "n3.txt", "m.jpg", "deep/n1.jpg")
        assert names_of(find_pictures(["n*"])) == ["n2.jpg", "n10.jpg"]
        assert names_of(find_pictures(["**/n*.jpg"])) == ["deep/n1.jpg", "n2.jpg", "n10.jpg"]

    def test_a_literal_name_wins_over_the_pattern_that_it_could_be(self, touch: Touch) -> None:
        touch("a[1].jpg", "a1.jpg")
        assert names_of(find_pictures(["a[1].jpg"])) == ["a[1].jpg"]
        assert names_of(find_pictures(["a[0-9].jpg"])) == ["a1.jpg"]

    def test_a_file_counts_once(self, touch: Touch) -> None:
        touch("in/a.jpg", "in/b.jpg")
        os.symlink("a.jpg", "in/c.jpg")
        assert names_of(find_pictures(["in/b.jpg", "in", "./in/../in/a.jpg"])) == ["in/b.jpg", "in/a.jpg"]

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("empty", "no picture in the folder empty: expected .*apng"),
            ("outer", "no picture in the folder outer: add --recursive"),
            ("*.tiff", r"no picture matches the pattern '\*\.tiff'"),
        ],
    )
    def test_what_holds_no_picture_is_refused(self, touch: Touch, argument: str, message: str) -> None:
        touch("empty/notes.txt", "outer/inner/a.jpg")
        with pytest.raises(UsageError, match=message):
            find_pictures([argument])


class TestWithoutEarlierResults:
    def test_those_found_in_a_folder_or_by_a_pattern_are_left_out(self, touch: Touch) -> None:
        touch("in/a.jpg", "in/a_enhanced.jpg", "in/gone_enhanced.png")
        for argument in ("in", "in/*"):
            kept, left_out = without_earlier_results(find_pictures([argument]))
            assert names_of(kept) == ["in/a.jpg"]
            assert left_out == [Path("in/a_enhanced.jpg"), Path("in/gone_enhanced.png")]

    def test_one_that_is_named_alone_is_meant(self, touch: Touch) -> None:
        touch("a.jpg", "a_enhanced.jpg")
        found = find_pictures(["a_enhanced.jpg"])
        assert without_earlier_results(found) == (found, [])

    def test_one_that_is_named_with_its_source_came_from_the_shells_pattern(self, touch: Touch) -> None:
        touch("a.jpg", "a_enhanced.jpg", "_enhanced.jpg")
        kept, left_out = without_earlier_results(find_pictures(["a.jpg", "a_enhanced.jpg", "_enhanced.jpg"]))
        assert names_of(kept) == ["a.jpg", "_enhanced.jpg"]
        assert left_out == [Path("a_enhanced.jpg")]


class TestPlanJobs:
    def plan(self, *arguments: str, output: str | None = None, extension: str | None = None) -> list[str]:
        return targets_of(plan_jobs(find_pictures(arguments, recursive=True), output, extension=extension))

    def test_by_default_results_lie_beside_their_pictures(self, touch: Touch) -> None:
        touch("in/a.b.jpg", "in/deep/c.PNG")
        assert self.plan("in") == ["in/a.b_enhanced.jpg", "in/deep/c_enhanced.PNG"]
        assert self.plan("in/a.b.jpg", extension=".webp") == ["in/a.b_enhanced.webp"]

    def test_a_single_picture_goes_to_a_file(self, touch: Touch) -> None:
        touch("a.jpg")
        assert self.plan("a.jpg", output="deep/bright.PNG") == ["deep/bright.PNG"]
        assert self.plan("a.jpg", output="bright.png", extension=".png") == ["bright.png"]
        assert self.plan("a.jpg", output="bright.JPEG", extension=".jpg") == ["bright.JPEG"]

    @pytest.mark.parametrize("output", ["new/", "there", "there.png"])
    def test_a_single_picture_goes_to_a_folder(self, touch: Touch, output: str) -> None:
        touch("a.jpg", "there/x", "there.png/x")
        assert self.plan("a.jpg", output=output) == [f"{output.rstrip('/')}/a.jpg"]

    def test_several_pictures_go_to_a_folder(self, touch: Touch) -> None:
        touch("a.jpg", "deep/b.jpg")
        assert self.plan("a.jpg", "deep/b.jpg", output="out", extension=".png") == ["out/a.png", "out/b.png"]

    def test_a_folder_with_one_picture_is_still_a_folder(self, touch: Touch) -> None:
        touch("in/a.jpg")
        assert self.plan("in", output="out") == ["out/a.jpg"]
        assert self.plan("in/*", output="out") == ["out/a.jpg"]

    def test_sub_folders_stay(self, touch: Touch) -> None:
        touch("in/a.jpg", "in/deep/er/a.jpg", "b.jpg")
        assert self.plan("in", "b.jpg", output="out") == ["out/a.jpg", "out/deep/er/a.jpg", "out/b.jpg"]

    def test_a_pattern_names_results(self, touch: Touch) -> None:
        touch("in/a.jpg", "in/deep/b.png")
        assert self.plan("in", output="{parent}/x/{stem}{ext}") == ["in/x/a.jpg", "in/deep/x/b.png"]
        assert self.plan("in", output="out/{n:03d}.jpg") == ["out/001.jpg", "out/002.jpg"]
        assert self.plan("in", output="{{{stem}}}{ext}", extension=".bmp") == ["{a}.bmp", "{b}.bmp"]
        assert self.plan("in/a.jpg", output="to_{stem}/") == ["to_a/a.jpg"]

    def test_braces_in_a_pictures_own_name_are_plain(self, touch: Touch) -> None:
        touch("{n}.jpg", "in/{x}.jpg")
        assert self.plan("{n}.jpg", output="out/{stem}{ext}") == ["out/{n}.jpg"]
        assert self.plan("in") == ["in/{x}_enhanced.jpg"]

    def test_an_existing_folder_wins_over_the_pattern_that_it_could_be(self, touch: Touch) -> None:
        touch("a.jpg", "{n}/x")
        assert self.plan("a.jpg", output="{n}") == ["{n}/a.jpg"]

    @pytest.mark.parametrize(
        ("output", "extension", "message"),
        [
            ("bright", None, "no extension: end it with .jpg for a file, or with a slash"),
            ("bright.gif", None, "extension .gif"),
            ("bright.jpg", ".png", "contradicts --format png"),
            ("{stem}.jpg", ".png", "contradicts --format png"),
            ("{stem}", None, "no extension"),
            ("{name}{ext}", None, "{name} is no placeholder; known are {stem}, {ext}"),
            ("{}{ext}", None, "{} is no placeholder"),
            ("{stem.__class__}{ext}", None, "is no placeholder"),
            ("{stem{ext}", None, "no valid name pattern"),
            ("{n:q}{ext}", None, "no valid name pattern"),
        ],
    )
    def test_an_output_that_makes_no_sense_is_refused(
        self, touch: Touch, output: str, extension: str | None, message: str
    ) -> None:
        touch("a.jpg")
        with pytest.raises(UsageError, match=message):
            self.plan("a.jpg", output=output, extension=extension)

    @pytest.mark.parametrize("output", ["there.txt", "new.jpg"])
    def test_a_file_for_several_pictures_is_refused(self, touch: Touch, output: str) -> None:
        touch("a.jpg", "b.jpg", "there.txt")
        with pytest.raises(UsageError, match="is one file, and there are several pictures"):
            self.plan("a.jpg", "b.jpg", output=output)

    @pytest.mark.parametrize(
        ("arguments", "output", "extension"),
        [
            (["a.jpg", "deep/a.jpg"], "out/", None),
            (["a.jpg", "a.png"], None, ".webp"),
            (["a.jpg", "deep/b.jpg"], "out/result{ext}", None),
        ],
    )
    def test_two_results_in_one_file_are_refused(
        self, touch: Touch, arguments: list[str], output: str | None, extension: str | None
    ) -> None:
        touch("a.jpg", "a.png", "deep/a.jpg", "deep/b.jpg")
        with pytest.raises(UsageError, match=r"would both be written to .*\{n\}"):
            self.plan(*arguments, output=output, extension=extension)

    @pytest.mark.parametrize(
        ("arguments", "output"),
        [
            (["a.jpg"], "a.jpg"),
            (["a.jpg"], "./deep/../a.jpg"),
            (["a.jpg"], "."),
            (["deep"], "deep"),
            (["deep/b.jpg"], "alias/"),
            (["a.jpg", "b.jpg"], "{parent}/{stem}{ext}"),
            (["c.jpg", "c_enhanced.jpg"], None),
        ],
    )
    def test_a_picture_given_is_never_written_over(
        self, touch: Touch, arguments: list[str], output: str | None
    ) -> None:
        touch("a.jpg", "b.jpg", "deep/b.jpg", "c.jpg", "c_enhanced.jpg")
        os.symlink("deep", "alias")
        with pytest.raises(UsageError, match="would be written over the picture"):
            self.plan(*arguments, output=output)

    def test_a_picture_may_be_replaced_by_its_very_name_and_overwrite_only(self, touch: Touch) -> None:
        touch("a.jpg", "deep/b.jpg")
        assert targets_of(plan_jobs(find_pictures(["a.jpg"]), "a.jpg", overwrite=True)) == ["a.jpg"]
        for argument, output in (("a.jpg", "."), ("deep", "deep"), ("a.jpg", "{stem}{ext}")):
            with pytest.raises(UsageError, match="would be written over the picture"):
                plan_jobs(find_pictures([argument]), output, overwrite=True)
