"""tools/commit_message.py: which commit messages it refuses, and which it lets through."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "commit_message.py"
spec = importlib.util.spec_from_file_location("commit_message", TOOL)
commit_message = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commit_message)


@pytest.fixture
def check(tmp_path, capsys):
    """Exit status and what is said of a message."""

    def run(text):
        path = tmp_path / "COMMIT_EDITMSG"
        path.write_text(text, encoding="utf-8")
        return commit_message.main(path), capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "subject",
    [
        "Add a hook for commit messages",
        "Pass the seed on",
        "Seed every worker by itself",
        "Bring the parity values into the repository",
        "Process files in order",
        "focus on what is dark",
        "x" * 72,
    ],
)
def test_a_good_subject_with_a_body_passes_in_silence(check, subject):
    assert check(f"{subject}\n\nBecause it was missing.\n") == (0, "")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Add " + "x" * 69 + "\n", "73 characters"),
        ("Add a hook.\n", "full stop"),
        ("Added a hook\n", "'Added'"),
        ("Adding a hook\n", "'Adding'"),
        ("Adds a hook\n", "'Adds'"),
        ("Tests: a hook is tested\n", "'Tests:'"),
        ("hooks: add one\n", "'hooks:'"),
        ("A hook checks messages\n", "'A'"),
        ("Add a hook\nwhich checks messages\n", "second line"),
        ("", "''"),
        ("\n\n# Please enter the commit message\n", "''"),
    ],
)
def test_what_is_wrong_is_named(check, text, fact):
    status, said = check(text)
    assert status == 1
    assert fact in said
    assert said.count("\n") == 1


def test_every_mistake_is_named_at_once(check):
    status, said = check("Added " + "x" * 80 + ".\nno blank line\n")
    assert (status, said.count("\n")) == (1, 4)


def test_a_missing_body_is_only_warned_of(check):
    status, said = check("Add a hook\n")
    assert status == 0
    assert "no body" in said
    assert check("Fix typo in the guide\n") == (0, "")


@pytest.mark.parametrize("subject", [f"Merge branch 'x' of {'y' * 90}", 'Revert "Added it."', "fixup! Added it."])
def test_what_git_writes_passes(check, subject):
    assert check(subject + "\n") == (0, "")


def test_comments_and_the_shown_changes_are_no_part_of_the_message(check):
    text = f"# how to write\nAdd a hook\n\nWhy.\n# on branch x.\n{commit_message.SCISSORS}\n" + "+y\n" * 9
    assert check(text) == (0, "")
    assert check(f"Add a hook\n{commit_message.SCISSORS}\ndiff")[0] == 0
