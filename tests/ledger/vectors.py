"""The table of canonical JSON that every place which makes these bytes is held against: ``vectors.json``.

    python -m tests.ledger.vectors     writes it anew, by the one definition, ``timebank.ledger.canon.canonical``

The places: the writer's short form (``canon.leaf_hash_of``, ``canon.request_hash``), the second way of sealer and
verifier (``reading``), PostgreSQL's functions (``fast/functions.py``), and the script for receipts
(``check_receipt.py``).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from timebank.ledger.canon import LEAF, canonical

FILE = Path(__file__).with_name("vectors.json")

#: What is apt to be written differently: quotes, controls, DEL, line separators, letters outside the first plane.
STRINGS = (
    "",
    "plain",
    '"quoted" \\ back/slash',
    "\b\t\n\x0b\f\r\x01\x1f",
    "\x7f\x80\xa0é",
    "善集 村口老槐树下",
    "\u2028\u2029\ufeff\ufffd",
    "𠮷😀",
    "a" * 200,
)
NUMBERS = (0, 1, -1, 2**53, 2**63 - 1, -(2**63))


def transfers() -> list[dict[str, Any]]:
    """Make up transfers that carry each string and each kind of missing value."""
    made = []
    for place, text in enumerate(STRINGS):
        number, other = NUMBERS[place % len(NUMBERS)], STRINGS[-1 - place]
        plain = [0, "issuance:" + text, "wallet:2", 700, None, None, 1, 700, None, "2026-12-31", None, text, None]
        moved = [1, "wallet:2", "shop", number or 5, 2, number, None, None, "2026-12-31", None, other, None, 7]
        made.append(
            {
                "id": place + 1,
                "uuid": f"00000000-0000-8000-8000-{place:012x}",
                "key": "k:" + text,
                "request": hashlib.sha256(text.encode()).hexdigest(),
                "unit": "PTS" if place % 2 else "CNY",
                "kind": "mint",
                "posted_at": f"2026-01-02T03:04:05.{place:06d}+00:00",
                "effective_on": "2026-01-02",
                "reason": text,
                "memo": other,
                "actor": text,
                "on_behalf_of": "",
                "source": other,
                "rule": "r",
                "reverses": place or None,
                "refund_of": None if place else 9,
                "postings": [plain, moved][: place % 3],
            }
        )
    return made


def table() -> dict[str, Any]:
    """Return the table as the definition makes it."""
    values: list[Any] = [*STRINGS, *NUMBERS, None, [], {}, {"b": [1, None, "善"], "a": "", "é": {"z": 0, "Z": 1}}]
    return {
        "values": [{"value": value, "canonical": canonical(value).hex()} for value in values],
        "transfers": [
            {
                "transfer": transfer,
                "canonical": canonical(transfer).hex(),
                "leaf": hashlib.sha256(LEAF + canonical(transfer)).hexdigest(),
            }
            for transfer in transfers()
        ],
    }


def written() -> str:
    """Return the table as its file has it."""
    return json.dumps(table(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="ascii")
