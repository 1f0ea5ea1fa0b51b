"""The bytes that are hashed: the short way of the writer makes what the long way of sealer and receipt makes."""

from __future__ import annotations

import datetime as dt
import uuid
from hashlib import sha256
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from timebank.ledger.canon import canonical, content, head_text, instant, leaf_hash, leaf_hash_of, quoted, request_hash
from timebank.ledger.plan import PostingRow
from timebank.ledger.types import Leg, TransferSpec
from timebank.ledger.units import UNIT_NAMES

NAMES = {1: "issuance:region:1", 2: 'wallet:"\\善\u2028:2', 3: "redeemed:\x7f\x1f"}

whole = st.integers(-(2**63), 2**63 - 1)
days = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
rows = st.builds(
    PostingRow,
    whole,
    st.integers(-1, 9),
    st.sampled_from([1, 2]),
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(sorted(NAMES)),
    whole,
    *[st.none() | whole] * 4,
    *[st.none() | days] * 2,
    *[st.none() | texts] * 2,
    st.none() | whole,
)
heads = st.fixed_dictionaries(
    dict.fromkeys(("key", "kind", "reason", "memo", "actor", "on_behalf_of", "source", "rule"), texts)
    | {
        "id": whole,
        "uuid": st.uuids(),
        "request_hash": st.binary(max_size=32),
        "unit": st.sampled_from([1, 2]),
        "posted_at": st.datetimes(timezones=st.just(dt.UTC)),
        "effective_on": days,
        "reverses_id": st.none() | whole,
        "refund_of_id": st.none() | whole,
    }
)


def short_way(head, postings):
    names = ("key", "kind", "reason", "memo", "actor", "on_behalf_of", "source", "rule")
    spec = TransferSpec(legs=(), unit=UNIT_NAMES[head["unit"]], **{name: head[name] for name in names})
    text = head_text(
        spec,
        head["effective_on"].isoformat(),
        head["request_hash"].hex(),
        str(head["uuid"]),
        instant(head["posted_at"]),
        head["reverses_id"],
        head["refund_of_id"],
    )
    return leaf_hash_of(text, head["id"], postings, lambda one: quoted(NAMES[one]))


@given(heads, st.lists(rows, max_size=3))
def test_the_short_way_hashes_the_same_bytes_as_the_long_way(head, postings):
    long = leaf_hash(content(head, postings, NAMES.__getitem__))
    assert short_way(head, postings) == long


def test_the_hash_of_a_transfer_is_pinned():
    head = {"id": 7, "uuid": uuid.UUID(int=7), "key": "mint:1", "request_hash": b"\x01", "unit": 1, "kind": "mint"}
    head |= {"posted_at": dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), "effective_on": dt.date(2026, 1, 2)}
    head |= dict.fromkeys(["reason", "memo", "actor", "on_behalf_of", "source", "rule"], "善")
    head |= {"reverses_id": None, "refund_of_id": None}
    row = PostingRow(7, 0, 1, 1, 2, 100, None, None, 1, 100, None, dt.date(2026, 12, 31), None, "", None)
    assert short_way(head, [row]).hex() == "92e9b8cf5a8c5df2224a3ce1370ab23e578bbcc5e96be0f7c58db5719d8f62fe"


@given(st.lists(st.builds(Leg, texts, texts, whole, st.none() | days, texts), max_size=2), texts, st.none() | days)
def test_what_was_asked_for_is_hashed_as_canonical_json(legs, text, on):
    spec = TransferSpec(text, text, tuple(legs), "CNY", on, text, "m", "a", "o", text, "r", ("food", text))
    asked = [
        [leg.debit, leg.credit, leg.amount, leg.expires_on and leg.expires_on.isoformat(), leg.restriction]
        for leg in legs
    ]
    rest = [on and on.isoformat(), text, "m", "a", "o", text, "r", ["food", text]]
    for link in ([], ["refund", 7, "善", ["x", 1]]):
        assert request_hash(spec, link=link) == sha256(canonical([text, "CNY", asked, *rest, link])).digest()


def test_an_instant_is_written_in_utc_wherever_it_was_taken():
    taken = dt.datetime(2030, 1, 1, 8, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert instant(taken) == instant(taken.astimezone(dt.UTC)) == "2030-01-01T00:30:00.000000+00:00"
