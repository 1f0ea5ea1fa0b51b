"""Text for finding and showing: pinyin for the search, cleaned HTML for descriptions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import nh3
from pypinyin import Style, lazy_pinyin

from timebank.common.input import clean_text

# What a description may hold. Links, pictures, scripts and styles are left out: the text is for reading.
ALLOWED = {"p", "br", "strong", "b", "em", "i", "ul", "ol", "li", "h3", "h4"}


def clean_html(html: str) -> str:
    """Return ``html`` with nothing but plain text marks. Used when a form saves and again when a page shows."""
    return nh3.clean(html, tags=ALLOWED, attributes={})


def fold(text: str) -> str:
    """Return ``text`` as the search compares it: half-width, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", clean_text(text)).lower().split())


def search_text(texts: Iterable[str], plain: Iterable[str] = ()) -> str:
    """Return the folded ``texts`` with their pinyin, whole and by initials, from every character on.

    "软毛牙刷" is found by 牙刷, ruanmao, yashua, rmys and ys. ``plain`` texts are found by their own letters only:
    with the initials of a supplier, xy for 洗浴 would bring everything of the 信用超市.
    """
    words: dict[str, None] = dict.fromkeys(word for text in plain for word in [fold(text), *fold(text).split()] if word)
    for text in texts:
        folded = fold(text)
        if not folded:
            continue
        words.update(dict.fromkeys([folded, *folded.split()]))
        syllables = lazy_pinyin(folded, errors="ignore")
        if syllables:
            initials = "".join(lazy_pinyin(folded, style=Style.FIRST_LETTER, errors="ignore"))
            for start in range(len(syllables)):
                words["".join(syllables[start:])] = None
            for start in range(max(1, len(initials) - 1)):
                words[initials[start:]] = None
    # Every word begins after a bar, so that Latin letters are found at the start of a word only.
    return "|" + "|".join(words) + "|"
