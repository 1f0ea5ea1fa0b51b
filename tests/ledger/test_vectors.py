"""Canonical JSON is defined once; every other place that makes its bytes makes those of the table (``vectors.py``)."""

from __future__ import annotations

import datetime as dt
import json
import runpy
import sys
import uuid
from hashlib import sha256
from json.encoder import encode_basestring

import pytest
from django.db import connection

from tests.ledger import vectors
from timebank.ledger.canon import LEAF, canonical, content, head_text, leaf_hash, leaf_hash_of, quoted, request_hash
from timebank.ledger.plan import PostingRow
from timebank.ledger.reading import content_text
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.units import UNIT_CODES

TABLE = json.loads(vectors.FILE.read_text(encoding="ascii"))
TEXTS = ("key", "kind", "reason", "memo", "actor", "on_behalf_of", "source", "rule")


def day(text):
    return text and dt.date.fromisoformat(text)


def rows_of(transfer, number):
    """Turn the postings of a vector into rows, accounts into numbers; return them with the names by number."""
    names = {}
    rows = []
    for row in transfer["postings"]:
        debit, credit = (number.setdefault(name, len(number) + 1) for name in row[1:3])
        names |= {debit: row[1], credit: row[2]}
        rows.append(
            PostingRow(
                transfer["id"], row[0], UNIT_CODES[transfer["unit"]], debit, credit, *row[3:8], *map(day, row[8:10]),
                *row[10:],
            )
        )  # fmt: skip
    return rows, names


def head_of(transfer):
    return {
        **{name: transfer[name] for name in ("id", *TEXTS)},
        "uuid": uuid.UUID(transfer["uuid"]),
        "request_hash": bytes.fromhex(transfer["request"]),
        "unit": UNIT_CODES[transfer["unit"]],
        "posted_at": dt.datetime.fromisoformat(transfer["posted_at"]),
        "effective_on": day(transfer["effective_on"]),
        "reverses_id": transfer["reverses"],
        "refund_of_id": transfer["refund_of"],
    }


def test_the_table_is_what_the_definition_makes():
    assert vectors.FILE.read_text(encoding="ascii") == vectors.written(), "python -m tests.ledger.vectors"


@pytest.mark.parametrize("vector", TABLE["transfers"], ids=lambda vector: vector["transfer"]["id"])
def test_the_writer_makes_the_same_bytes(vector):
    transfer = vector["transfer"]
    rows, names = rows_of(transfer, {})
    assert content(head_of(transfer), rows, names.__getitem__) == transfer
    assert leaf_hash(transfer).hex() == vector["leaf"]
    spec = TransferSpec(legs=(), unit=transfer["unit"], **{name: transfer[name] for name in TEXTS})
    text = head_text(
        spec, transfer["effective_on"], transfer["request"], transfer["uuid"], transfer["posted_at"],
        transfer["reverses"], transfer["refund_of"],
    )  # fmt: skip
    assert leaf_hash_of(text, transfer["id"], rows, lambda number: quoted(names[number])).hex() == vector["leaf"]


@pytest.mark.parametrize("vector", TABLE["values"], ids=lambda vector: vector["canonical"][:16] or "empty")
def test_strings_and_numbers_are_quoted_as_the_table_says(vector):
    value, wanted = vector["value"], bytes.fromhex(vector["canonical"])
    assert canonical(value) == wanted
    if isinstance(value, str):
        assert quoted(value).encode() == encode_basestring(value).encode() == wanted
        spec = TransferSpec(value, value, (Leg(value, value, 1),), memo=value)
        asked = [value, "PTS", [[value, value, 1, None, ""]], None, "", value, "", "", "", "", [], []]
        assert request_hash(spec) == sha256(canonical(asked)).digest()


@pytest.mark.parametrize("vector", TABLE["transfers"], ids=lambda vector: vector["transfer"]["id"])
def test_sealer_and_verifier_make_the_same_bytes(vector):
    """Rows as a database gives them, column by column, written the second way."""
    transfer = vector["transfer"]
    names: dict[int, str] = {}
    postings = []
    for place, row in enumerate(transfer["postings"]):
        names |= {2 * place: quoted(row[1]), 2 * place + 1: quoted(row[2])}
        postings.append((transfer["id"], row[0], 2 * place, 2 * place + 1, *row[3:]))
    columns = ("actor", "effective_on", "key", "kind", "memo", "on_behalf_of", "posted_at", "reason", "refund_of")
    head = [transfer["id"], b"", *(transfer[name] for name in columns), bytes.fromhex(transfer["request"])]
    head += [transfer["reverses"], transfer["rule"], transfer["source"], UNIT_CODES[transfer["unit"]], transfer["uuid"]]
    text = content_text(tuple(head), transfer["unit"], postings, names)
    assert text.encode() == LEAF + bytes.fromhex(vector["canonical"])


@pytest.mark.pg_only("its functions write such text")
@pytest.mark.django_db
def test_postgresql_escapes_a_string_as_the_table_says():
    texts = [vector for vector in TABLE["values"] if isinstance(vector["value"], str)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(convert_to(to_json(v)::text, 'UTF8'), 'hex') "
            "FROM unnest(%s::text[]) WITH ORDINALITY t(v, n) ORDER BY n",
            [[vector["value"] for vector in texts]],
        )
        assert [row[0] for row in cursor.fetchall()] == [vector["canonical"] for vector in texts]


def test_the_script_for_receipts_makes_the_same_bytes(tmp_path, monkeypatch, capsys):
    from timebank.ledger.canon import merkle_path, merkle_root, seal_hash, short_digest

    leaves = [bytes.fromhex(vector["leaf"]) for vector in TABLE["transfers"]]
    for place, vector in enumerate(TABLE["transfers"]):
        seal = {"number": 7, "root": merkle_root(leaves).hex(), "note": vectors.STRINGS[place]}
        path = [[side, other.hex()] for side, other in merkle_path(leaves, place)]
        receipt = {"transfer": vector["transfer"], "path": path, "seal": seal}
        file = tmp_path / f"{place}.json"
        file.write_text(json.dumps(receipt), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["check_receipt.py", str(file), short_digest(7, seal_hash(seal))])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path("timebank/ledger/static/ledger/check_receipt.py")
        assert (ended.value.code, capsys.readouterr().out.split()[0]) == (0, "GOOD")


def test_control_one_letter_more_is_noticed():
    vector = TABLE["transfers"][1]
    assert leaf_hash(vector["transfer"] | {"memo": vector["transfer"]["memo"] + "x"}).hex() != vector["leaf"]
