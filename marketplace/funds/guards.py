"""What the database itself refuses and a model can't say: a price on a right, prices that overlap, terms changed.

On PostgreSQL an exclusion constraint (a migration makes it) keeps prices apart; SQLite has a trigger for it.
"""

from __future__ import annotations

from timebank.common.guards import Declaration, Function, Guarded, Trigger, refuse_function

_OVERLAP = (
    "NEW.state = 'approved' AND EXISTS (SELECT 1 FROM funds_agreedprice p WHERE p.stockrecord_id = NEW.stockrecord_id"
    " AND p.id <> NEW.id AND p.state = 'approved' AND p.valid_from <= coalesce(NEW.valid_until, '9999-12-31')"
    " AND coalesce(p.valid_until, '9999-12-31') >= NEW.valid_from)"
)
# A right that was ended holds until the evening before, by the villages' clock.
_IN_FORCE = {
    "postgresql": "(b.ends_on IS NULL OR b.ends_on > (now() AT TIME ZONE 'Asia/Shanghai')::date)",
    "sqlite": "(b.ends_on IS NULL OR b.ends_on > date('now', '+8 hours'))",
}
_PRICE_OF_A_RIGHT = (
    "coalesce(NEW.price, 0) > 0 AND EXISTS (SELECT 1 FROM catalogue_product p JOIN funds_basicline b"
    " ON b.product_id IN (p.id, p.parent_id) WHERE p.id = NEW.product_id AND {in_force})"
)
_LIMIT_ON_A_RIGHT = (
    "(NEW.min_star > 0 OR NEW.per_resident_limit IS NOT NULL)"
    " AND EXISTS (SELECT 1 FROM funds_basicline b WHERE b.product_id IN (NEW.id, NEW.parent_id) AND {in_force})"
)
_NO_RIGHT = (
    "NEW.ends_on IS NULL AND EXISTS (SELECT 1 FROM catalogue_product p WHERE NEW.product_id IN (p.id, p.parent_id)"
    " AND (p.min_star > 0 OR p.per_resident_limit IS NOT NULL OR EXISTS (SELECT 1 FROM partner_stockrecord s"
    " WHERE s.product_id = p.id AND coalesce(s.price, 0) > 0)))"
)
#: name, table, events, refused when, what is said
RULES = (
    ("funds_right_price", "partner_stockrecord", ("INSERT", "UPDATE"), _PRICE_OF_A_RIGHT, "a basic line has no price"),
    ("funds_right_limit", "catalogue_product", ("INSERT", "UPDATE"), _LIMIT_ON_A_RIGHT, "a basic line has no limit"),
    (
        "funds_right_line",
        "funds_basicline",
        ("INSERT", "UPDATE"),
        _NO_RIGHT,
        "a right has neither price nor limit",
    ),
)
_SQLITE_ONLY = (("funds_price_overlap", "funds_agreedprice", ("INSERT", "UPDATE"), _OVERLAP, "agreed prices overlap"),)


def _postgres(name: str, table: str, events: tuple[str, ...], when: str, text: str) -> list[Declaration]:
    function = f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {when.format(in_force=_IN_FORCE["postgresql"])} THEN
                RAISE EXCEPTION 'funds: {text}' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$"""
    sql = f"CREATE TRIGGER {name} BEFORE {' OR '.join(events)} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    return [Function(function), Trigger("postgresql", table, name, sql)]


def _sqlite(name: str, table: str, events: tuple[str, ...], when: str, text: str) -> list[Declaration]:
    # after an insert the row has its id
    action = f"BEGIN SELECT RAISE(ABORT, 'funds: {text}'); END"
    names = [(f"{name}_{event.lower()}", event) for event in events]
    when = when.format(in_force=_IN_FORCE["sqlite"])
    return [
        Trigger("sqlite", table, each, f"CREATE TRIGGER {each} AFTER {event} ON {table} WHEN {when} {action}")
        for each, event in names
    ]


APPEND_ONLY: tuple[Declaration, ...] = (
    refuse_function("funds"),
    Guarded(
        "funds_fundterms",
        frozen=("fund_id", "point_value_fen", "warn_bp", "floor_bp", "since", "reason", "decided_by_id", "decided_at"),
        because="what was decided stays",
    ),
    *(made for rule in RULES for made in _postgres(*rule)),
    *(made for rule in (*RULES, *_SQLITE_ONLY) for made in _sqlite(*rule)),
)
