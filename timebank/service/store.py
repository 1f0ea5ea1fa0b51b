"""The one write of this app that is too hot for the ORM: moving a batch of records to credited, in one statement.

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
    WHERE r.id = v.id AND r.state = 'published'
"""
_SQLITE = """
    UPDATE service_record
    SET state = 'credited', credit_problem = '', credited_at = %s,
        points = %s, quote = %s, rule = %s, rule_version = %s, transfer_key = %s
    WHERE id = %s AND state = 'published'
"""


def write_credits(credits: Sequence[Credit], credited_at: dt.datetime) -> int:
    """Move records on notice to credited; return how many were. Only those still on notice move."""
    if not credits:
        return 0
    texts = [json.dumps(credit.quote, ensure_ascii=False) for credit in credits]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = (
                [credit.record_id for credit in credits],
                [credit.points for credit in credits],
                texts,
                [credit.rule for credit in credits],
                [credit.rule_version for credit in credits],
                [credit.transfer_key for credit in credits],
            )
            cursor.execute(_POSTGRESQL, [credited_at, *columns])
        else:
            now = Record._meta.get_field("credited_at").get_db_prep_value(credited_at, connection)
            cursor.executemany(
                _SQLITE,
                [
                    (now, credit.points, text, credit.rule, credit.rule_version, credit.transfer_key, credit.record_id)
                    for credit, text in zip(credits, texts, strict=True)
                ],
            )
        return int(cursor.rowcount)
