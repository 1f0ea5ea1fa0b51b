"""What a person reads of an audit entry."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

AUDIT_LABELS = {
    "finish_setup": _("Installation set up"),
    "set_office": _("Opening hours and help telephone changed"),
    "enter_opening": _("Opening list entered"),
    "refuse_opening": _("Opening list refused"),
    "approve_opening": _("Opening list approved"),
    "open_village": _("Village opened"),
}
