"""The glossary is sorted, names each word once, and points at code that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\*\*(.+?)\*\* (.+?)(?=\n\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)


def test_every_paragraph_behind_the_introduction_is_an_entry():
    paragraphs = [part for part in TEXT.split("\n\n")[2:] if part.strip()]
    assert len(paragraphs) == len(ENTRIES)
    assert len(ENTRIES) > 100


def test_words_are_in_order():
    words = [word.casefold() for word, _ in ENTRIES]
    assert words == sorted(words)


def test_no_word_stands_twice():
    words = [word.casefold() for word, _ in ENTRIES]
    assert len(words) == len(set(words))


def test_each_entry_is_short_and_says_where():
    for word, says in ENTRIES:
        paths = re.findall(r"`((?:cloud|edge_agent|contract|firmware)/[^`]+|template\.yaml)`", says)
        assert paths, f"{word} names no place"
        assert all((ROOT / path).exists() for path in paths), f"{word}: {paths}"
        assert len(says.split()) <= 75, f"{word} is too long"
