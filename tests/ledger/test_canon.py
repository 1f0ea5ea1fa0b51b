"""The bytes that are hashed: the short way of the writer makes what the long way of sealer and receipt makes."""

from __future__ import annotations

import datetime as dt
import uuid

from hypothesis import given
from hypothesis import strategies as st

from timebank.ledger.canon import content, instant, leaf_hash, leaf_hash_of, quoted
from timebank.ledger.plan import PostingRow

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


@given(heads, st.lists(rows, max_size=3))
def test_the_short_way_hashes_the_same_bytes_as_the_long_way(head, postings):
    long = leaf_hash(content(head, postings, NAMES.__getitem__))
    short = leaf_hash_of(head, postings, lambda one: quoted(NAMES[one]), instant(head["posted_at"]))
    assert short == long


def test_the_hash_of_a_transfer_is_pinned():
    head = {"id": 7, "uuid": uuid.UUID(int=7), "key": "mint:1", "request_hash": b"\x01", "unit": 1, "kind": "mint"}
    head |= {"posted_at": dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), "effective_on": dt.date(2026, 1, 2)}
    head |= dict.fromkeys(["reason", "memo", "actor", "on_behalf_of", "source", "rule"], "善")
    head |= {"reverses_id": None, "refund_of_id": None}
    row = PostingRow(7, 0, 1, 1, 2, 100, None, None, 1, 100, None, dt.date(2026, 12, 31), None, "", None)
    short = leaf_hash_of(head, [row], lambda one: quoted(NAMES[one]), instant(head["posted_at"]))
    assert short.hex() == "3ae3d0a2788b3e60af0ea51d06c17ce12d51e1b7891ef45e0bf5f59a3d5df175"
