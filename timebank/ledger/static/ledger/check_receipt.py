#!/usr/bin/env python3
"""Check a receipt without the server that made it: check_receipt.py RECEIPT.json [DIGEST from the notice board]"""

import hashlib
import json
import sys

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def sha(start: bytes, value: object) -> bytes:
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(start + value).digest()


with open(sys.argv[1], encoding="utf-8") as file:
    receipt = json.load(file)
node = sha(b"\0", receipt["transfer"])
for side, other in receipt["path"]:
    node = sha(b"\1", bytes.fromhex(other) + node if side == "L" else node + bytes.fromhex(other))
seal = sha(b"\2", receipt["seal"])
bits = int.from_bytes(seal[:10], "big")
letters = "".join(ALPHABET[bits >> shift & 31] for shift in range(75, -1, -5))
digest = "-".join([str(receipt["seal"]["number"]), *(letters[i : i + 4] for i in range(0, 16, 4))])
good = node.hex() == receipt["seal"]["root"] and (len(sys.argv) < 3 or sys.argv[2].upper() == digest)
print("GOOD" if good else "WRONG", receipt["transfer"]["uuid"], "is in seal", digest)
sys.exit(0 if good else 1)
