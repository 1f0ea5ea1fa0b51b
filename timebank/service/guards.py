"""What the database keeps by itself: history stays as written, credited hours stay as credited."""

from __future__ import annotations

from timebank.common.guards import Declaration, Function, Guarded, Trigger

_DONE = "OLD.state IN ('credited', 'reversed')"
# Credited hours stay their person's: they only follow a registration that became one with another.
_FOLLOWS = "SELECT 1 FROM registry_resident WHERE id = OLD.resident_id AND merged_into_id = NEW.resident_id"
_SAID = "service: a credited record only follows its person"
_KEEPS_PERSON = f"""CREATE OR REPLACE FUNCTION service_keeps_person() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS ({_FOLLOWS}) THEN
            RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$"""

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded("service_recordchange", because="the history of a record is never changed"),
    Guarded("service_pointcorrection", because="what was booked is never changed"),
    Guarded(
        "service_record",
        frozen=(
            "village_id",
            "category",
            "served_on",
            "minutes",
            "unit",
            "quantity",
            "factors",
            "chosen_points",
            "chosen_by_id",
            "points",
            "rule",
            "rule_version",
            "transfer_key",
        ),
        frozen_when=_DONE,
        moves=("state", {"credited": ("reversed",), "reversed": ()}),
        because="a credited record is only ever reversed",
    ),
    Function(_KEEPS_PERSON),
    Trigger(
        "postgresql",
        "service_record",
        "service_keeps_person",
        "CREATE TRIGGER service_keeps_person BEFORE UPDATE OF resident_id ON service_record FOR EACH ROW"
        f" WHEN ({_DONE} AND NEW.resident_id IS DISTINCT FROM OLD.resident_id)"
        " EXECUTE FUNCTION service_keeps_person()",
    ),
    Trigger(
        "sqlite",
        "service_record",
        "service_keeps_person",
        "CREATE TRIGGER service_keeps_person BEFORE UPDATE OF resident_id ON service_record FOR EACH ROW"
        f" WHEN {_DONE} AND NEW.resident_id IS NOT OLD.resident_id AND NOT EXISTS ({_FOLLOWS})"
        f" BEGIN SELECT RAISE(ABORT, '{_SAID}'); END",
    ),
)
