"""A resident's hours, and why each earned what it did."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.policy import words
from timebank.registry.requests import SignedInRequest
from timebank.registry.rules import can_act_for
from timebank.service import rules, selectors, services
from timebank.service.models import Objection, Record, RecordChange
from timebank.service.selectors.records import changes_of
from timebank.service.views.common import acting_resident, login_required, on_behalf_of, require_resident

PAGE = 30
State = Record.State
TONES = {
    State.DRAFT: "quiet",
    State.SUBMITTED: "info",
    State.VERIFIED: "info",
    State.PUBLISHED: "wheat",
    State.CREDITED: "good",
    State.RETURNED: "warn",
    State.DISPUTED: "warn",
    State.REVERSED: "bad",
}


@login_required
@require_GET
def hours(request: HttpRequest) -> HttpResponse:
    """Show what a resident gave: totals, star, and every record with its state."""
    resident = acting_resident(request)
    if resident is None:
        return render(request, "service/hours.html", {"resident": None})
    page = Paginator(selectors.records_of(resident), PAGE).get_page(read_page(request.GET.get("page")))
    return render(
        request,
        "service/hours.html",
        {
            "resident": resident,
            "hours": selectors.hours_of(resident),
            "standing": selectors.standing_of(resident),
            "page": page,
            "rows": [(item, TONES[State(item.state)]) for item in page.object_list],
        },
    )


@login_required
@require_GET
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one record: what, how long, where it stands, who did what when and why, and why this many points."""
    acting = on_behalf_of(request)
    record = selectors.record_for(request.user, pk, acting)
    is_mine = can_act_for(request.user, record.resident, acting)
    return render(
        request,
        "service/record.html",
        {
            "record": record,
            "tone": TONES[State(record.state)],
            "is_mine": is_mine,
            "may_object": record.state in (State.PUBLISHED, State.DISPUTED)
            and (resident := acting_resident(request)) is not None
            and resident.village_id == record.village_id,
            "may_mend": rules.may_mend(request.user, record, acting),
            "may_reverse": rules.may_reverse(request.user, record),
            "steps": words.explain(record.quote["steps"]) if record.quote else [],
            "events": [_event(change) for change in changes_of(record)],
            "objections": record.objections.exclude(state=Objection.State.OPEN).order_by("pk"),
            "open_objections": record.objections.filter(state=Objection.State.OPEN).order_by("due_on"),
        },
    )


@login_required
@require_POST
def name_on_lists(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take the name off the public lists, or put it back."""
    acting = on_behalf_of(request)
    resident = require_resident(request)
    record = selectors.record_for(request.user, pk, acting)
    if record.resident_id != resident.pk:
        raise Http404
    do = services.show_name if request.POST.get("show") else services.withhold_name
    try:
        do(record=record, actor=request.user, on_behalf_of=acting)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Your wish is noted. The public lists follow it from now on."))
    return redirect("service:record", pk=pk)


def _event(change: RecordChange) -> dict[str, Any]:
    """Put a kept change into words."""
    said = {
        "from_attendance": _("Sent for verification, from attendance"),
        "entered": _("Entered by hand"),
        "stated": _("Time stated by the leader, because the check-out was forgotten"),
        "submitted": _("Sent for verification again"),
        "verified": _("Verified"),
        "corrected_minutes": _("Verified, with fewer minutes"),
        "returned": _("Returned"),
        "published": _("Put on public notice"),
        "withdrawn": _("The notice list was withdrawn"),
        "unverified": _("The verification was taken back"),
        "objected": _("A resident objected"),
        "upheld": _("The objection was upheld: returned"),
        "dismissed": _("The objection was not upheld"),
        "credited": _("Points credited"),
        "credited_nought": _("Hours counted; they go towards the next point"),
        "reversed": _("Reversed"),
    }
    actor = str(change.actor) if change.actor else ("" if change.code == "objected" else _("The system"))
    if change.on_behalf_of is not None:
        actor = _("%(who)s for %(whom)s") % {"who": actor, "whom": change.on_behalf_of}
    return {
        "when": change.occurred_at,
        "what": said.get(change.code, change.get_to_state_display()),
        "actor": actor,
        "reason": change.reason,
        "tone": TONES[State(change.to_state)],
    }
