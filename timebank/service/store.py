"""The one write of this room that is too hot for the ORM: moving a batch of records to credited, in one statement.

``bulk_update`` builds a CASE for every row and field, which costs more than the ledger's own posting.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from timebank.service.models import Record


class Credit(NamedTuple):
    """What credit writes on a record; ``points`` in 1/100."""

    record_id: int
    points: int
    quote: dict[str, Any]
    rule: str
    rule_version: str
    transfer_key: str


_POSTGRESQL = """
    UPDATE service_record AS r
    SET state = 'credited', credit_problem = '', credited_at = %s,
        points = v.points, quote = v.quote::jsonb, rule = v.rule, rule_version = v.rule_version,
        transfer_key = v.transfer_key
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS v (id, points, quote, rule, rule_version, transfer_key)
    WHERE r.id = v.id AND r.state = 'noticed'
"""
_SQLITE = """
    UPDATE service_record
    SET state = 'credited', credit_problem = '', credited_at = %s,
        points = %s, quote = %s, rule = %s, rule_version = %s, transfer_key = %s
    WHERE id = %s AND state = 'noticed'
"""


def write_credits(credits: Sequence[Credit], at: dt.datetime) -> int:
    """Move records on notice to credited; return how many were. Only those still on notice move."""
    if not credits:
        return 0
    texts = [json.dumps(one.quote, ensure_ascii=False) for one in credits]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = (
                [one.record_id for one in credits],
                [one.points for one in credits],
                texts,
                [one.rule for one in credits],
                [one.rule_version for one in credits],
                [one.transfer_key for one in credits],
            )
            cursor.execute(_POSTGRESQL, [at, *columns])
        else:
            moment = Record._meta.get_field("credited_at").get_db_prep_value(at, connection)
            cursor.executemany(
                _SQLITE,
                [
                    (moment, one.points, text, one.rule, one.rule_version, one.transfer_key, one.record_id)
                    for one, text in zip(credits, texts, strict=True)
                ],
            )
        return int(cursor.rowcount)
