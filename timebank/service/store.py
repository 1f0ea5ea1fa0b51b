"""The one write of this app that is too hot for the ORM: moving a batch of records to credited, with their history.

``bulk_update`` builds a CASE for every row and field, which costs more than the ledger's own posting.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from timebank.service.models import Record, RecordChange


class Credit(NamedTuple):
    """What credit writes on a record; ``points`` in 1/100."""

    record_id: int
    minutes: int
    points: int
    quote: dict[str, Any]
    rule: str
    rule_version: str
    transfer_key: str


# One text goes in: a parameter of arrays is quoted element by element in Python, which cost more than the statement.
_POSTGRESQL = """
    WITH moved AS (
        UPDATE service_record AS r
        SET state = 'credited', credit_problem = '', credited_at = %(now)s,
            points = v.points, quote = v.quote, rule = v.rule, rule_version = v.rule_version,
            transfer_key = v.transfer_key
        FROM jsonb_to_recordset(%(credits)s::jsonb)
            AS v (record_id bigint, points bigint, quote jsonb, rule text, rule_version text, transfer_key text)
        WHERE r.id = v.record_id AND r.state = 'published'
        RETURNING r.id, r.minutes, r.transfer_key
    )
    INSERT INTO service_recordchange
        (record_id, occurred_at, from_state, to_state, minutes, code, reason)
    SELECT id, %(now)s, 'published', 'credited', minutes,
        CASE transfer_key WHEN '' THEN 'credited_nought' ELSE 'credited' END, ''
    FROM moved ORDER BY id
"""
_SQLITE = """
    UPDATE service_record
    SET state = 'credited', credit_problem = '', credited_at = %s,
        points = %s, quote = %s, rule = %s, rule_version = %s, transfer_key = %s
    WHERE id = %s AND state = 'published'
"""


def write_credits(credits: Sequence[Credit], credited_at: dt.datetime) -> int:
    """Move what is still on notice to credited, and write that into its history; return how many records moved."""
    if not credits:
        return 0
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = json.dumps([credit._asdict() for credit in credits], ensure_ascii=False)
            cursor.execute(_POSTGRESQL, {"credits": rows, "now": credited_at})
            return int(cursor.rowcount)
        now = Record._meta.get_field("credited_at").get_db_prep_value(credited_at, connection)
        cursor.executemany(
            _SQLITE,
            [
                (
                    now,
                    credit.points,
                    json.dumps(credit.quote, ensure_ascii=False),
                    credit.rule,
                    credit.rule_version,
                    credit.transfer_key,
                    credit.record_id,
                )
                for credit in credits
            ],
        )
        moved = int(cursor.rowcount)
    _write_changes(credits, credited_at)
    return moved


def _write_changes(credits: Sequence[Credit], credited_at: dt.datetime) -> None:
    RecordChange.objects.bulk_create(
        [
            RecordChange(
                record_id=credit.record_id,
                occurred_at=credited_at,
                from_state=Record.State.PUBLISHED,
                to_state=Record.State.CREDITED,
                minutes=credit.minutes,
                code="credited" if credit.transfer_key else "credited_nought",
            )
            for credit in credits
        ],
        batch_size=500,
    )
