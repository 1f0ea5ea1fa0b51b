"""What a person reads of an audit entry of this app."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

AUDIT_LABELS = {
    "create_team": _("Team founded"),
    "change_team": _("Team changed"),
    "close_team": _("Team closed"),
    "add_team_member": _("Joined a team"),
    "end_team_member": _("Left a team"),
    "change_activity": _("Activity changed"),
    "cancel_activity": _("Activity cancelled"),
    "publish_notice": _("Notice published"),
    "withhold_name": _("Name left out of the notice"),
    "answer_objection": _("Objection answered"),
    "reverse_record": _("Record reversed"),
    "adopt_scheme": _("Rules adopted"),
    "close_year": _("Year closed"),
}
