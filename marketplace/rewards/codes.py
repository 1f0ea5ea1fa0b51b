"""Ticket codes: ten characters that a person can read aloud, type and not mistake."""

from __future__ import annotations

import re
import secrets

from django.conf import settings

from timebank.common.input import clean_text
from timebank.common.input import code as read_code

#: No 0 O 1 I 2 5 6 4: what looks like another character is left out.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ3789"
LENGTH = 10
#: A prime above the size of the alphabet: every single wrong character and every swap of two is noticed.
PRIME = 29
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
#: What people type when they misread; the check character catches the rest.
_MISREAD = str.maketrans("1I256", "LLZSG")
_URL = re.compile(r"/T/([A-Z0-9]+)/?(?:[?#].*)?$")
#: Pieces that nobody wants printed on a ticket, in English and as initials in Chinese.
# fmt: off
BAD_WORDS = (
    "ASS", "CUM", "DAMN", "DEAD", "DEVL", "DYKE", "FAG", "FART", "FCK", "FUCK", "FUK", "GAY", "HELL", "JEW", "KKK",
    "KYS", "NAZ", "NGR", "PEE", "PUS", "RAPE", "SEX", "SHT", "SHAT", "SLUT", "TWAT", "WANK", "XXX", "BEBE", "CAN",
    "CB", "CNM", "DB", "DSB", "ERB", "FW", "GUN", "HUN", "JB", "JJ", "LJ", "LZ", "MB", "MLGB", "NB", "NC", "NM",
    "NND", "QU", "RNM", "SB", "SHA", "SHAB", "TM", "TMD", "WC", "WCNM", "ZZ", "ZHU", "38", "748",
)
# fmt: on


def check_character(body: str) -> str | None:
    """Return the tenth character for nine, or None where the arithmetic asks for one that does not exist."""
    total = sum((place + 2) * _VALUE[character] for place, character in enumerate(body))
    wanted = -total % PRIME
    return ALPHABET[wanted] if wanted < len(ALPHABET) else None


def is_valid(code: str) -> bool:
    """Tell whether ``code`` (already normalised) could be one of ours."""
    if len(code) != LENGTH or any(character not in _VALUE for character in code):
        return False
    return check_character(code[:-1]) == code[-1]


def is_decent(code: str) -> bool:
    """Tell whether no unwanted word stands in ``code``."""
    return not any(word in code for word in BAD_WORDS)


def new_code() -> str:
    """Draw a random code (about 43 bits)."""
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
        last = check_character(body)
        if last is not None and is_decent(body + last):
            return body + last


def normalise(text: str) -> str:
    """Read what was typed or scanned: any case, full-width letters, spaces, dashes, or the whole address of the QR."""
    match = _URL.search(clean_text(text, most=300).upper())
    return match.group(1) if match else read_code(text).translate(_MISREAD)[:40]


def grouped(code: str) -> str:
    """Write a code in the groups in which people read it: ABC DEF GHJK."""
    return f"{code[:3]} {code[3:6]} {code[6:]}"


def qr_text(code: str) -> str:
    """Return the address behind a ticket's QR, in upper case so that the QR stays coarse and any phone opens it."""
    return f"{settings.SITE_URL}/t/{code}".upper()
