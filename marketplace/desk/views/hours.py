"""Verifying hours, and the overview of activities."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.desk import selectors
from marketplace.desk.forms import VerifyForm
from marketplace.desk.scope import desk, to, with_place
from marketplace.desk.views.common import as_file, page_of, person, posted
from timebank.common.errors import DomainError
from timebank.common.input import read_ids, read_text
from timebank.policy import words
from timebank.registry.rules import can
from timebank.service import rules as service_rules
from timebank.service import services
from timebank.service.errors import PreviewChanged
from timebank.service.models import Record
from timebank.service.rules import LEAD_ACTIVITY, VERIFY_RECORD
from timebank.service.selectors.categories import range_of
from timebank.service.selectors.previews import expected_points, fingerprint, preview
from timebank.service.selectors.records import changes_of

BULK = 200


@require_http_methods(["GET", "POST"])
@desk(VERIFY_RECORD)
def verify(request: HttpRequest) -> HttpResponseBase:
    """Show what waits, weakest evidence first; verify many at once."""
    if request.method == "POST":
        return _verify_many(request)
    scope = request.scope  # type: ignore[attr-defined]
    which = read_text(request.GET.get("which", "waiting"))
    counts = {
        "waiting": selectors.verify_queue(request.user, scope).order_by().count(),
        "verified": selectors.verified(scope).order_by().count(),
        "returned": selectors.returned(scope).order_by().count(),
    }
    if which not in (*counts, "history"):
        which = "waiting"
    text = read_text(request.GET.get("q"), 40)
    records = {
        "waiting": lambda: selectors.verify_queue(request.user, scope),
        "verified": lambda: selectors.verified(scope),
        "returned": lambda: selectors.returned(scope),
        "history": lambda: selectors.history(scope),
    }[which]()
    records = selectors.searched(records, text)
    headers = (
        _("Village"),
        _("Name"),
        _("Volunteer number"),
        _("What"),
        _("Day"),
        _("Minutes"),
        _("Evidence"),
        _("State"),
    )
    file = as_file(
        request,
        f"hours-{which}",
        headers,
        records,
        lambda item: (
            item.village.short_name,
            item.resident.name,
            item.resident.volunteer_number,
            item.what,
            item.served_on,
            item.minutes,
            item.evidence,
            item.get_state_display(),
        ),
    )
    if file is not None:
        return file
    url = reverse("desk:verify")
    tabs = [
        {
            "label": label,
            "href": with_place(request, f"{url}?which={name}"),
            "active": which == name,
            "count": counts.get(name),
        }
        for name, label in (
            ("waiting", _("To verify")),
            ("verified", _("Verified")),
            ("returned", _("Sent back")),
            ("history", _("Earlier")),
        )
    ]
    return render(
        request,
        "desk/verify.html",
        {
            "scope": scope,
            "which": which,
            "tabs": tabs,
            "q": text,
            "page": page_of(request, records),
            "others": selectors.waiting_for_others(request.user, scope) if which == "waiting" else 0,
            "mine": selectors.verified_lately(request.user, scope) if which == "verified" else [],
        },
    )


def _verify_many(request: HttpRequest) -> HttpResponseBase:
    chosen = read_ids(request.POST.getlist("record"), BULK)
    if not chosen:
        messages.warning(request, _("Nothing was chosen. Tick the records that you have checked."))
        return to(request, "desk:verify")
    # Only what is in this person's queue: a number typed into the form reaches nothing else.
    queue = selectors.verify_queue(request.user, request.scope)  # type: ignore[attr-defined]
    records = list(queue.filter(pk__in=chosen))
    seen = read_text(request.POST.get("seen"), 64)
    if records and seen != fingerprint(records):  # not shown yet, or shown as it no longer is
        if seen:
            messages.warning(request, str(PreviewChanged()))
        return _ask(request, records, len(set(chosen)) - len(records), status=409 if seen else 200)
    report = services.verify_many(records=records, actor=person(request))
    done = len(report.verified)
    if done:
        text = ngettext("%(n)s record verified.", "%(n)s records verified.", done) % {"n": done}
        messages.success(request, text)
    for record, refusal in report.refused:
        messages.error(request, f"{record.resident.name} · {record.what}: {refusal}")
    missing = len(set(chosen)) - done - len(report.refused)
    if missing:
        text = ngettext(
            "%(n)s was no longer in your queue: somebody else was quicker.",
            "%(n)s were no longer in your queue: somebody else was quicker.",
            missing,
        )
        messages.info(request, text % {"n": missing})
    return to(request, "desk:verify")


def _ask(request: HttpRequest, records: list[Record], gone: int, *, status: int) -> HttpResponseBase:
    """Show what saying yes will do, and what of the chosen it will not."""
    now = timezone.now()
    early = [record for record in records if record.ended_at is not None and record.ended_at > now]
    going = [record for record in records if record not in early]
    left_out = [(_("not over yet"), len(early)), (_("no longer in your queue"), gone)]
    context = {
        "records": going,
        "preview": preview(going, [(reason, count) for reason, count in left_out if count]),
        "hours": int(service_rules.UNDO_WITHIN.total_seconds()) // 3600,
    }
    return render(request, "desk/verify_many.html", context, status=status)


@require_http_methods(["GET", "POST"])
@desk(VERIFY_RECORD)
def record(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one record with its evidence; verify it, with fewer minutes if need be, or send it back."""
    record = selectors.record_for(request.user, pk)
    waiting = record.state == Record.State.SUBMITTED
    refusal = service_rules.refusal_to_verify(request.user, record) if waiting else None
    published_range = range_of(record.village, record.category_id, record.served_on) if waiting else None
    form = VerifyForm(posted(request), initial={"minutes": record.minutes}, published_range=published_range)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            if "return" in request.POST:
                services.return_record(record=record, actor=person(request), reason=data["reason"])
                messages.success(request, _("Sent back, with your reason."))
            else:
                services.verify_record(
                    record=record,
                    actor=person(request),
                    minutes=data["minutes"],
                    points=form.chosen_points(),
                    reason=data["reason"],
                )
                messages.success(request, _("Verified."))
        except DomainError as error:
            form.refuse(error)
        else:
            after = selectors.verify_queue(request.user, request.scope).first()  # type: ignore[attr-defined]
            return to(request, "desk:record", pk=after.pk) if after else to(request, "desk:verify")
    return render(
        request,
        "desk/record.html",
        {
            "record": record,
            "form": form,
            "waiting": waiting,
            "refusal": refusal() if refusal else None,
            **_points(record),
            "may_undo": service_rules.may_undo_verification(request.user, record, timezone.now()),
            "may_mend": service_rules.may_mend(request.user, record),
            "may_reverse": service_rules.may_reverse(request.user, record),
            "changes": [
                {
                    "when": change.occurred_at,
                    "what": change.get_to_state_display(),
                    "actor": change.actor.name if change.actor else "",
                    "reason": change.reason,
                    "tone": "quiet",
                }
                for change in changes_of(record)
            ],
        },
        status=422 if form.errors else 200,
    )


def _points(record: Record) -> dict[str, Any]:
    """Say what a record earns as it looks now, and why nothing where it earned or will earn nothing."""
    if record.points is not None:
        return {"nothing": words.explain_nothing(record.quote) if record.quote else ""}
    if record.state not in (Record.State.SUBMITTED, Record.State.VERIFIED, Record.State.PUBLISHED):
        return {}
    forecast = expected_points([record])
    return {"forecast": forecast.points.get(record.pk, 0), "nothing": forecast.reasons.get(record.pk, "")}


@require_GET
@desk(VERIFY_RECORD)
def activities(request: HttpRequest) -> HttpResponseBase:
    """Show what is planned and what was, with how many came of it."""
    scope = request.scope  # type: ignore[attr-defined]
    past = request.GET.get("which") == "past"
    rows = selectors.activities(scope, past=past)
    headers = (
        _("Village"),
        _("Activity"),
        _("Team"),
        _("Begins"),
        _("Ends"),
        _("Places"),
        _("Taken"),
        _("Records"),
        _("Minutes"),
        _("State"),
    )
    file = as_file(
        request,
        "activities",
        headers,
        rows,
        lambda item: (
            item.village.short_name,
            item.title,
            item.team.name,
            item.starts_at,
            item.ends_at,
            item.capacity,
            item.taken,
            item.made,
            item.minutes,
            item.get_status_display(),
        ),
    )
    if file is not None:
        return file
    url = reverse("desk:activities")
    tabs = [
        {"label": _("Coming"), "href": with_place(request, url), "active": not past},
        {"label": _("Past"), "href": with_place(request, f"{url}?which=past"), "active": past},
    ]
    return render(
        request,
        "desk/activities.html",
        {
            "scope": scope,
            "tabs": tabs,
            "past": past,
            "page": page_of(request, rows),
            "leads": can(request.user, LEAD_ACTIVITY, scope.region),
        },
    )
