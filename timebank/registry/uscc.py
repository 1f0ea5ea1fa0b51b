"""Unified social credit codes (GB 32100-2015): one department, one category, a place, a body, a check character.

Own arithmetic, because the common library takes the first eight characters for digits and so refuses N2, N3 and Y1:
village collectives, the very bodies that Shanji serves.
"""

from __future__ import annotations

from dataclasses import dataclass

from timebank.common.input import code as read_code
from timebank.registry.errors import InvalidUscc

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

# Registering department and category, as the standard and its later notices publish them. 54 and 55 are the codes of
# villagers' and residents' committees; N1 to N3 those of group, village and township collectives.
PREFIXES: dict[str, str] = {
    "1": "1239",  # staffing offices: organs, public institutions, mass organisations
    "2": "19",  # foreign affairs
    "3": "123459",  # justice: law firms, notaries, legal services, appraisal, arbitration
    "4": "19",  # culture
    "5": "123459",  # civil affairs: associations, private non-profits, foundations, committees
    "6": "129",  # tourism
    "7": "129",  # religious affairs
    "8": "19",  # trade unions
    "9": "123",  # market regulation: enterprises, individual businesses, cooperatives
    "A": "19",  # military staffing
    "N": "1239",  # agriculture: collectives
    "Y": "1",  # other
}


@dataclass(frozen=True, slots=True)
class Uscc:
    """A code that is right, with the parts that mean something."""

    code: str
    department: str
    category: str
    region: str
    body: str


def check_character(head: str) -> str:
    """Return the check character of the first 17 characters."""
    return ALPHABET[-sum(_VALUE[c] * w for c, w in zip(head, _WEIGHTS, strict=True)) % 31]


def check(text: str) -> Uscc:
    """Return the code taken apart, or raise ``InvalidUscc`` whose ``params["reason"]`` says what is wrong."""
    code = read_code(text)
    if len(code) != 18:
        raise InvalidUscc(field="uscc", reason="length")
    if any(c not in _VALUE for c in code):
        raise InvalidUscc(field="uscc", reason="character")
    if code[1] not in PREFIXES.get(code[0], ""):
        raise InvalidUscc(field="uscc", reason="prefix")
    if not code[2:8].isdigit():
        raise InvalidUscc(field="uscc", reason="region")
    if check_character(code[:17]) != code[17]:
        raise InvalidUscc(field="uscc", reason="check")
    return Uscc(code=code, department=code[0], category=code[1], region=code[2:8], body=code[8:17])


def verdict(text: str) -> str:
    """Say ``valid``, ``valid-after-normalise`` or ``invalid``."""
    try:
        code = check(text).code
    except InvalidUscc:
        return "invalid"
    return "valid" if code == text else "valid-after-normalise"
