"""States only go forward, and what was asked for never changes: the database itself refuses the rest."""

from __future__ import annotations

from marketplace.payments.models.payments import STEPS
from timebank.common.guards import Declaration, Function, Trigger

#: table → columns that never change once the row is written
FROZEN = {
    "payments_payment": ("public_id", "key", "provider", "fund_id", "source", "currency", "amount_minor", "exponent"),
    "payments_refund": ("payment_id", "key", "kind", "amount_minor", "foreign"),
    "payments_dispute": ("payment_id", "remote"),
    "payments_stripeevent": ("event", "type", "body", "livemode"),
    "payments_bankentry": ("bank_account_id", "fingerprint", "booked_on", "amount_fen", "party", "memo", "serial"),
}
#: rows that nobody deletes
KEPT = (*FROZEN, "payments_balancetransaction", "payments_providerpayout", "payments_bankimport")


def _backwards(table: str) -> str:
    """Say in SQL when an update leads to a state that the old one may not become."""
    allowed = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(new) for new in news)}))"
        for old, news in STEPS[table].items()
        if news
    )
    if table == "payments_payment":  # what was recorded by hand and never came is given up by the second person
        allowed += " OR (OLD.provider IN ('bank', 'cash') AND OLD.state = 'paid' AND NEW.state = 'failed')"
    return f"NEW.state <> OLD.state AND NOT ({allowed})"


def _rules() -> list[tuple[str, str, str, str, str]]:
    """Return each guard: name, table, event, refused when, what is said."""
    rules = [(f"{table}_forward", table, "UPDATE", _backwards(table), "states only go forward") for table in STEPS]
    for table, columns in FROZEN.items():
        changed = " OR ".join(f'NEW."{column}" IS DISTINCT FROM OLD."{column}"' for column in columns)
        rules.append((f"{table}_frozen", table, "UPDATE", changed, "what was written stays"))
    rules += [(f"{table}_kept", table, "DELETE", "", "rows are never deleted") for table in KEPT]
    return rules


def _sqlite(name: str, table: str, event: str, when: str, text: str) -> list[Declaration]:
    condition = f" WHEN {when.replace('IS DISTINCT FROM', 'IS NOT')}" if when else ""
    action = f"BEGIN SELECT RAISE(ABORT, 'payments: {text}'); END"
    return [Trigger("sqlite", table, name, f"CREATE TRIGGER {name} BEFORE {event} ON {table}{condition} {action}")]


def _postgres(name: str, table: str, event: str, when: str, text: str) -> list[Declaration]:
    condition = f" WHEN ({when})" if when else ""
    function = f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'payments: {text}' USING ERRCODE = 'integrity_constraint_violation';
        END $$"""
    sql = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition} EXECUTE FUNCTION {name}()"
    return [Function(function), Trigger("postgresql", table, name, sql)]


APPEND_ONLY: tuple[Declaration, ...] = tuple(
    made for rule in _rules() for make in (_postgres, _sqlite) for made in make(*rule)
)
