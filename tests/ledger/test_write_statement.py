"""The statement that writes a set of transfers on PostgreSQL: composed anew for every number of rows."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from timebank.ledger.store.postgres import FEW, HEAD_COLUMNS, POSTING_COLUMNS, write_statement

COUNTS = [
    (1, 0, 0, 0, 1),
    (1, 1, 1, 0, 2),
    (1, 2, 1, 1, FEW),
    (FEW, FEW, FEW, FEW, FEW),
    (2, 1, FEW + 1, 0, 3),
    (FEW + 1, FEW + 2, 1, FEW + 1, 2 * FEW),
    (2, 3, 0, FEW + 1, FEW + 1),
]


@pytest.mark.parametrize("counts", COUNTS)
def test_values_are_numbered_one_after_the_other(counts):
    text = write_statement.__wrapped__(*counts).text.decode()
    numbers = [int(found) for found in re.findall(r"\$(\d+)", text)]
    assert numbers == list(range(1, len(numbers) + 1))
    widths = (len(HEAD_COLUMNS), 5, 3, 4, len(POSTING_COLUMNS))
    lists = zip(counts, widths, strict=True)
    assert len(numbers) == sum(width * (count if count <= FEW else 1) for count, width in lists) + 1
    assert text.count("unnest(") == sum(count > FEW for count in counts), "few rows are plain values"
    values = re.findall(r"VALUES (\(.*?\)) (?:RETURNING|ON|AS)|VALUES (\(.*?\))\)", text)
    written = [len((one or other).split("), (")) for one, other in values]
    assert written == [count for count in counts if 0 < count <= FEW]


@pytest.mark.pg_only("the statement is PostgreSQL's")
@pytest.mark.parametrize("counts", COUNTS)
def test_postgresql_understands_it(db, counts):
    name, text, *_rest = write_statement.__wrapped__(*counts)
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE {name.decode()}_test AS {text.decode()}")
        cursor.execute(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = %s", [f"{name.decode()}_test"]
        )
        assert cursor.fetchone()[0] == len(re.findall(r"\$\d+", text.decode()))
        cursor.execute(f"DEALLOCATE {name.decode()}_test")
