"""The page's texts: the same in every language, all of them used, none missing."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "web/src/page"
TEXTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((PAGE / "texts").glob("*.json"))}
ENGLISH = TEXTS["en"]
PREFIXES = ("state.", "phase.", "error.", "note.", "theme.", "speed.")
"""Keys that are put together when the page runs."""


def variants(text):
    return list(text.values()) if isinstance(text, dict) else [text]


def test_there_are_six_languages():
    assert set(TEXTS) == {"en", "de", "fr", "es", "zh-Hans", "ja"}


@pytest.mark.parametrize("language", TEXTS)
def test_every_language_says_all_of_it_with_the_same_values(language):
    texts = TEXTS[language]
    assert list(texts) == list(ENGLISH)
    for key, text in texts.items():
        expected = {name for variant in variants(ENGLISH[key]) for name in re.findall(r"\{(\w+)\}", variant)}
        for variant in variants(text):
            assert variant.strip() == variant != ""
            assert set(re.findall(r"\{(\w+)\}", variant)) == expected, key
        if isinstance(text, dict):
            assert "other" in text, key


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"en"}))
def test_no_language_is_left_in_english(language):
    words = {key: re.findall(r"[a-z]{3,}", re.sub(r"\{\w+\}", "", str(text))) for key, text in ENGLISH.items()}
    same = [key for key, text in TEXTS[language].items() if text == ENGLISH[key] and len(words[key]) > 1]
    assert same == []


def test_every_text_is_used_and_every_one_used_is_there():
    sources = [path.read_text(encoding="utf-8") for path in (*PAGE.rglob("*.ts"), PAGE / "index.html")]
    whole = "\n".join(sources)
    unused = [key for key in ENGLISH if f'"{key}"' not in whole and not key.startswith(PREFIXES)]
    assert unused == []
    named = set(re.findall(r'data-(?:text|label|alt)="([^"]+)"', whole))
    assert named <= set(ENGLISH)
