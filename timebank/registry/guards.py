"""What the database keeps by itself: audit rows stay as written, and roles that clash never meet in one person."""

from __future__ import annotations

from timebank.common.guards import Declaration, Function, Guarded, Trigger

_HELD = (
    "SELECT 1 FROM registry_rolegrant held JOIN registry_roleclash clash"
    " ON clash.role = NEW.role AND clash.other = held.role"
    " WHERE held.user_id = NEW.user_id AND held.region_id = NEW.region_id"
    " AND held.ended_at IS NULL AND held.id IS NOT NEW.id"
)
_DUTIES = f"""CREATE OR REPLACE FUNCTION registry_duties() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.ended_at IS NULL AND NEW.region_id IS NOT NULL
           AND EXISTS ({_HELD.replace("IS NOT NEW.id", "IS DISTINCT FROM NEW.id")}) THEN
            RAISE EXCEPTION 'these roles clash for one person' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$"""

APPEND_ONLY: tuple[Declaration, ...] = (
    Guarded("registry_auditentry", because="audit entries are never changed"),
    Guarded("registry_personalread", deletable=True, because="who looked stays as it was written"),
    # Forgetting is for the sweep, long after: a look of this year can't be made undone.
    Trigger(
        "postgresql",
        "registry_personalread",
        "registry_keep_reads",
        "CREATE TRIGGER registry_keep_reads BEFORE DELETE ON registry_personalread FOR EACH ROW"
        " WHEN (OLD.occurred_at > now() - interval '365 days')"
        " EXECUTE FUNCTION registry_refuse('who looked is kept for a year')",
    ),
    Trigger(
        "sqlite",
        "registry_personalread",
        "registry_keep_reads",
        "CREATE TRIGGER registry_keep_reads BEFORE DELETE ON registry_personalread FOR EACH ROW"
        " WHEN OLD.occurred_at > datetime('now', '-365 days')"
        " BEGIN SELECT RAISE(ABORT, 'registry: who looked is kept for a year'); END",
    ),
    Function(_DUTIES),
    Trigger(
        "postgresql",
        "registry_rolegrant",
        "registry_duties",
        "CREATE TRIGGER registry_duties BEFORE INSERT OR UPDATE ON registry_rolegrant"
        " FOR EACH ROW EXECUTE FUNCTION registry_duties()",
    ),
    *(
        Trigger(
            "sqlite",
            "registry_rolegrant",
            f"registry_duties_{event.lower()}",
            f"CREATE TRIGGER registry_duties_{event.lower()} BEFORE {event} ON registry_rolegrant"
            f" WHEN NEW.ended_at IS NULL AND NEW.region_id IS NOT NULL AND EXISTS ({_HELD})"
            " BEGIN SELECT RAISE(ABORT, 'these roles clash for one person'); END",
        )
        for event in ("INSERT", "UPDATE")
    ),
)
