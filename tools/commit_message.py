"""What a commit message should look like here: pre-commit's commit-msg hook runs  python tools/commit_message.py FILE

Refused: a subject of more than 72 characters, one that ends with a full stop, one that does not begin with a verb in
the imperative, and a second line that is not blank. A missing body only gets a warning: a small change may say it all
in its subject.

There is no dictionary behind "imperative", only simple rules: no heading ("Tests: ..."), no article or pronoun, and no
first word that ends in -ed, -ing or -s. Where a rule is wrong about a verb, add it to VERBS.
"""

import re
import sys
from pathlib import Path

LONGEST = 72
# Verbs that look like another form, and words that are no verbs.
VERBS = re.compile("(?i)bring|ping|string|swing|bias|focus|embed|exceed|feed|need|proceed|seed|shed|speed|succeed")
NO_VERBS = re.compile("(?i)a|an|the|this|these|that|those|it|its|we|i|all|no|one|what|how|.*:")
OTHER_FORM = re.compile(r"(?i).*(ed|ing|[^s]s)")
MADE_BY_GIT = ("Merge ", 'Revert "', "fixup! ", "squash! ", "amend! ")
SCISSORS = "# ------------------------ >8 ------------------------"
"""Below it, ``git commit --verbose`` shows the changes, which are no part of the message."""


def written_lines(text: str) -> list[str]:
    """The message without git's comments, and without blank lines at its beginning and end."""
    above = text.split(SCISSORS, maxsplit=1)[0]
    return "\n".join(line.rstrip() for line in above.splitlines() if not line.startswith("#")).strip("\n").split("\n")


def mistakes(lines: list[str]) -> list[str]:
    """What has to be changed; empty for a good message, and for what git writes by itself."""
    subject, *rest = lines
    if subject.startswith(MADE_BY_GIT):
        return []
    found = []
    if len(subject) > LONGEST:
        found.append(f"the subject has {len(subject)} characters, expected at most {LONGEST}: move details to the body")
    if subject.endswith("."):
        found.append("the subject ends with a full stop: leave it out")
    first = (subject.split() or [""])[0]
    if not begins_like_a_command(first):
        found.append(f"the subject begins with {first!r}, expected a verb in the imperative: Add, Mend, Tell, ...")
    if rest and rest[0]:
        found.append("the second line is not blank: put a blank line between subject and body")
    return found


def begins_like_a_command(word: str) -> bool:
    """Whether this may be a verb in the imperative, as far as its form tells."""
    if not word or NO_VERBS.fullmatch(word):
        return False
    return bool(VERBS.fullmatch(word)) or not OTHER_FORM.fullmatch(word)


def main(path: Path) -> int:
    """Check the message in this file; the exit status."""
    lines = written_lines(path.read_text(encoding="utf-8"))
    found = mistakes(lines)
    for mistake in found:
        print(f"commit message: {mistake}", file=sys.stderr)
    if not found and len(lines) == 1 and not lines[0].startswith((*MADE_BY_GIT, "Fix typo")):
        print("commit message: there is no body; does the subject alone say why?", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
