"""Checks that the database does itself, set by set: sums, versions, lots, holds, refunds, reversals.

Every check finds the rows that break it; the ones with the lowest ids are named. ``{since}`` limits the ones about
postings to newer transfers; the others are about rows that exist once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connections

from timebank.ledger.units import DEBT_SERIAL, GUARDED_SHIFT, UNIT_NAMES, account_id
from timebank.ledger.verify.report import Finding

_SIDES = """
    SELECT id, debit_id AS account, debit_version AS version, debit_balance AS balance, -amount AS amount,
        debit_expires_on AS day, debit_restriction AS restriction, transfer_id
    FROM ledger_posting WHERE debit_version IS NOT NULL
    UNION ALL
    SELECT id, credit_id, credit_version, credit_balance, amount, credit_expires_on, credit_restriction, transfer_id
    FROM ledger_posting WHERE credit_version IS NOT NULL"""

_LENDERS = ", ".join(str(account_id(unit, False, DEBT_SERIAL)) for unit in UNIT_NAMES.values())


class Check(NamedTuple):
    """A statement that returns (row, detail) for each wrong row."""

    promise: int
    table: str
    what: str
    sql: str
    order: int = 1  # by row or by detail


CHECKS = (
    Check(
        1,
        "posting",
        "two sides, one unit, an amount above zero: {}",
        """SELECT p.id, p.amount FROM ledger_posting p LEFT JOIN ledger_transfer t ON t.id = p.transfer_id
        WHERE p.transfer_id > {since} AND (t.id IS NULL OR p.amount <= 0 OR p.debit_id = p.credit_id
            OR p.unit <> t.unit OR p.debit_id >> 48 <> p.unit OR p.credit_id >> 48 <> p.unit)""",
    ),
    Check(
        1,
        "transfer",
        "moves nothing",
        """SELECT t.id, '' FROM ledger_transfer t WHERE t.id > {since}
        AND NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.transfer_id = t.id)""",
    ),
    Check(
        1,
        "posting",
        "names an account that does not exist",
        """SELECT p.id, '' FROM ledger_posting p
        LEFT JOIN ledger_account d ON d.id = p.debit_id LEFT JOIN ledger_account c ON c.id = p.credit_id
        WHERE p.transfer_id > {since} AND (d.id IS NULL OR c.id IS NULL)""",
    ),
    Check(
        1,
        "account",
        "id, unit and kind disagree",
        f"""SELECT id, key FROM ledger_account WHERE id >> 48 <> unit
        OR (CASE WHEN guarded THEN 1 ELSE 0 END) <> ((id >> {GUARDED_SHIFT}) & 1)""",
    ),
    Check(
        3,
        "account",
        "is below its floor, or owes less than nothing: {}",
        "SELECT id, balance FROM ledger_account WHERE guarded AND (balance < floor OR debt < 0)",
    ),
    Check(3, "lot", "holds less than nothing: {}", "SELECT id, remaining FROM ledger_lot WHERE remaining < 0"),
    Check(
        3,
        "hold",
        "its transfer reserved {}",
        """SELECT h.id, coalesce(sum(p.amount), 0) FROM ledger_hold h
        LEFT JOIN ledger_posting p ON p.transfer_id = h.transfer_id AND p.debit_id = h.wallet_id AND p.leg >= 0
        GROUP BY h.id, h.amount HAVING coalesce(sum(p.amount), 0) <> h.amount""",
    ),
    Check(
        3,
        "holdresolution",
        "resolves another amount than was held: {}",
        """SELECT r.hold_id, coalesce(sum(p.amount), 0) FROM ledger_holdresolution r
        JOIN ledger_hold h ON h.id = r.hold_id
        LEFT JOIN ledger_posting p ON p.transfer_id = r.transfer_id AND p.leg >= 0
        GROUP BY r.hold_id, r.amount, r.captured, h.amount, h.wallet_id
        HAVING r.amount <> h.amount OR r.captured > h.amount OR coalesce(sum(p.amount), 0) <> h.amount
            OR coalesce(sum(CASE WHEN p.credit_id <> h.wallet_id THEN p.amount END), 0) <> r.captured""",
    ),
    Check(
        5,
        "transfer",
        "is not the exact mirror of what it reverses",
        """SELECT x.id, '' FROM (
            SELECT r.id, p.debit_id AS debit, p.credit_id AS credit, p.amount
            FROM ledger_transfer r JOIN ledger_posting p ON p.transfer_id = r.id AND p.leg >= 0
            WHERE r.reverses_id IS NOT NULL AND r.id > {since}
            UNION ALL
            SELECT r.id, p.credit_id, p.debit_id, -p.amount
            FROM ledger_transfer r JOIN ledger_posting p ON p.transfer_id = r.reverses_id AND p.leg >= 0
            WHERE r.reverses_id IS NOT NULL AND r.id > {since}) x
        GROUP BY x.id, x.debit, x.credit HAVING sum(x.amount) <> 0""",
    ),
    Check(
        5,
        "transfer",
        "is reversed {} times",
        """SELECT reverses_id, count(*) FROM ledger_transfer WHERE reverses_id IS NOT NULL
        GROUP BY reverses_id HAVING count(*) > 1""",
    ),
    Check(
        5,
        "refundtotal",
        "says {} but the refunds say otherwise",
        """SELECT t.transfer_id, t.refunded FROM ledger_refundtotal t WHERE t.refunded > t.cap OR t.refunded <>
            coalesce((SELECT sum(p.amount) FROM ledger_transfer r JOIN ledger_posting p ON p.transfer_id = r.id
                AND p.leg >= 0 WHERE r.refund_of_id = t.transfer_id), 0)
            + (CASE WHEN EXISTS (SELECT 1 FROM ledger_transfer v WHERE v.reverses_id = t.transfer_id)
                THEN t.cap ELSE 0 END)
        OR t.cap <> (SELECT coalesce(sum(p.amount), 0) FROM ledger_posting p WHERE p.transfer_id = t.transfer_id
            AND p.leg >= 0)""",
    ),
    Check(
        5,
        "transfer",
        "gives back without a total that limits it",
        """SELECT r.id, '' FROM ledger_transfer r WHERE r.id > {since}
        AND coalesce(r.refund_of_id, r.reverses_id) IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM ledger_refundtotal t WHERE t.transfer_id = coalesce(r.refund_of_id, r.reverses_id))""",
    ),
    Check(
        5,
        "posting",
        "was given back more than once: {}",
        """SELECT o.id, sum(p.amount) FROM ledger_posting p JOIN ledger_posting o ON o.id = p.origin_id
        WHERE p.leg >= 0 AND p.transfer_id > {since} GROUP BY o.id, o.amount
        HAVING sum(p.amount) > o.amount""",
    ),
    Check(
        6,
        "posting",
        "the running balance or version of a wallet does not follow from the one before: {}",
        f"""SELECT s.id, s.account FROM (
            SELECT x.*, lag(version) OVER w AS version_before, lag(balance) OVER w AS balance_before
            FROM ({_SIDES}) x WHERE x.transfer_id > {{since}}
            WINDOW w AS (PARTITION BY account ORDER BY version, id)) s
        WHERE ({{since}} = 0 OR s.version_before IS NOT NULL)
        AND (s.version <> coalesce(s.version_before, 0) + 1
            OR s.balance <> coalesce(s.balance_before, 0) + s.amount)""",
    ),
    Check(
        6,
        "account",
        "its balance or version is not what its postings make: {}",
        f"""SELECT a.id, a.key FROM ledger_account a LEFT JOIN (
            SELECT account, sum(amount) AS total, count(*) AS versions FROM ({_SIDES}) x GROUP BY account) s
            ON s.account = a.id
        WHERE a.guarded AND (a.balance <> coalesce(s.total, 0) OR a.version <> coalesce(s.versions, 0))""",
    ),
    Check(
        6,
        "lot",
        "of account {}: the lots are not what the postings make",
        f"""SELECT min(y.id), y.account FROM (
            SELECT CAST(NULL AS bigint) AS id, account, day, restriction, amount FROM ({_SIDES}) x
            UNION ALL SELECT id, account_id, expires_on, restriction, -remaining FROM ledger_lot) y
        GROUP BY y.account, y.day, y.restriction HAVING sum(y.amount) <> 0""",
        order=2,
    ),
    Check(
        6,
        "account",
        "owes another debt than its postings make: {}",
        f"""SELECT a.id, a.key FROM ledger_account a
        LEFT JOIN (SELECT account, sum(amount) AS debt FROM (
                SELECT credit_id AS account, amount FROM ledger_posting WHERE debit_id IN ({_LENDERS})
                UNION ALL SELECT debit_id, -amount FROM ledger_posting WHERE credit_id IN ({_LENDERS})) x
            GROUP BY account) d ON d.account = a.id
        WHERE a.guarded AND a.debt <> coalesce(d.debt, 0)""",
    ),
    Check(
        7,
        "transfer",
        "is neither sealed nor waiting to be sealed, or both",
        """SELECT t.id, '' FROM ledger_transfer t LEFT JOIN ledger_sealmember m ON m.transfer_id = t.id
        LEFT JOIN ledger_unsealed u ON u.transfer_id = t.id
        WHERE t.id > {since} AND ((m.transfer_id IS NULL) = (u.transfer_id IS NULL))""",
    ),
    Check(
        7,
        "sealmember",
        "belongs to seal {}, which does not exist",
        """SELECT m.transfer_id, m.seal_id FROM ledger_sealmember m
        WHERE NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.number = m.seal_id)""",
    ),
    Check(
        7,
        "unsealed",
        "waits to be sealed but does not exist",
        """SELECT u.transfer_id, '' FROM ledger_unsealed u
        WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.id = u.transfer_id)""",
    ),
)


def arithmetic(since: int, most: int, alias: str) -> Iterator[Finding]:
    """Run the checks; at most ``most`` findings of each.

    PostgreSQL is made to look for all wrong rows before it puts the first ones first: for a few rows in order it would
    go through the table by its index and probe the next one for each row, and it seldom finds any.
    """
    connection = connections[alias]
    fence = "MATERIALIZED " if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for check in CHECKS:
            cursor.execute(
                f"WITH wrong (place, detail) AS {fence}({check.sql.format(since=int(since))}) "
                f"SELECT place, detail FROM wrong ORDER BY {check.order} LIMIT {int(most)}"
            )
            for row, detail in cursor.fetchall():
                yield Finding(check.promise, check.table, str(row), check.what.format(detail))
