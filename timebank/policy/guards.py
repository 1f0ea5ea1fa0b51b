"""What the database keeps by itself: an approved version stays as it was approved."""

from __future__ import annotations

from timebank.common.guards import Declaration, Function, Trigger

_STAYS = "an approved scheme is never changed"
_APPROVED = "OLD.status = 'approved'"
_FUNCTION = f"""CREATE OR REPLACE FUNCTION policy_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{_STAYS}' USING ERRCODE = 'integrity_constraint_violation';
    END $$"""

APPEND_ONLY: tuple[Declaration, ...] = (
    Function(_FUNCTION),
    Trigger(
        "postgresql",
        "policy_schemeversion",
        "policy_version_stays",
        "CREATE TRIGGER policy_version_stays BEFORE UPDATE OR DELETE ON policy_schemeversion"
        f" FOR EACH ROW WHEN ({_APPROVED}) EXECUTE FUNCTION policy_version_stays()",
    ),
    *(
        Trigger(
            "sqlite",
            "policy_schemeversion",
            name,
            f"CREATE TRIGGER {name} BEFORE {event} ON policy_schemeversion WHEN {_APPROVED}"
            f" BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
        )
        for name, event in (("policy_version_stays", "UPDATE"), ("policy_version_kept", "DELETE"))
    ),
)
