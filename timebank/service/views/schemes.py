"""Schemes on screen: read, copied, compared, approved by a second person, adopted from a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.errors import DomainError
from timebank.common.input import read_id, read_int, read_text
from timebank.policy import describe
from timebank.policy import rules as policy_rules
from timebank.policy import services as policy
from timebank.policy.models import Scheme, SchemeVersion
from timebank.policy.questions import questions_of
from timebank.policy.replay import Simulation
from timebank.policy.tables import read_table
from timebank.policy.units import NotReadable
from timebank.registry.models import Resident
from timebank.service import services
from timebank.service.rules import ADOPT_SCHEME, DRAFT_SCHEME
from timebank.service.scheme_forms import (
    AdoptForm,
    ApproveForm,
    DraftForm,
    RowForm,
    RuleForm,
    SimulationForm,
    TableForm,
)
from timebank.service.selectors import adoptions
from timebank.service.selectors.simulation import simulate
from timebank.service.views.common import login_required

PAGE = 30
MOST_SHOWN = 20  # names in either list; the sums are of all
View = Callable[..., HttpResponse]


def staff(view: View) -> View:
    """Open a page to who works with schemes; it does not exist for others."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not adoptions.sees_schemes(request.user):
            raise Http404
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            if error.status == 403:
                raise PermissionDenied(str(error)) from error
            if error.status == 404:
                raise Http404 from error
            raise

    return login_required(inner)  # type: ignore[no-any-return]


def _may(request: HttpRequest, action: str, version: SchemeVersion | None = None) -> bool:
    return policy_rules.may(request.user, action, version.scheme.region if version is not None else None)


def _require(request: HttpRequest, action: str) -> None:
    if not _may(request, action):
        raise PermissionDenied


def _posted(request: HttpRequest) -> Any:
    """Return what was sent, None when nothing was: an empty form that was sent is wrong, not new."""
    return request.POST if request.method == "POST" else None


def _page(request: HttpRequest, name: str, context: dict[str, Any], form: Any = None) -> HttpResponse:
    status = 422 if form is not None and form.errors else 200
    return render(request, f"service/schemes/{name}.html", {**context, "form": form}, status=status)


@require_GET
@staff
def scheme_list(request: HttpRequest) -> HttpResponse:
    """List the schemes, and what is in use where."""
    rows = Paginator(adoptions.scheme_rows(request.user), PAGE).get_page(read_text(request.GET.get("page")))
    context = {
        "page": rows,
        "adoptions": adoptions.adoptions_seen(request.user)[:PAGE],
        "names": dict(Scheme.objects.values_list("slug", "name")),
        "may_draft": _may(request, policy_rules.DRAFT),
        "may_adopt": _may(request, policy_rules.ADOPT),
    }
    return _page(request, "list", context)


@require_GET
@login_required
def scheme(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show a version in words: every rule with its source, the levels, what they open, its history."""
    version = adoptions.version_for(request.user, slug, number)
    content = version.content()
    draft = version.status == SchemeVersion.Status.DRAFT
    others = adoptions.versions_seen(request.user).filter(scheme=version.scheme).order_by("-number")
    texts = [describe.rule_text(rule) for rule in content.scheme.rules]
    context = {
        "version": version,
        "rules": texts,
        "lines": describe.scheme_lines(content.scheme) if content.scheme.rules else [],
        "levels": describe.ladder_lines(content.ladder) if content.ladder else [],
        "gap": describe.gap_line(content.ladder) if content.ladder else "",
        "benefits": content.benefits,
        "questions": questions_of(content, version.questions) if draft else [],
        "versions": others,
        "used_by": adoptions.in_use_by_slug(timezone.localdate()).get(version.scheme.slug, []),
        "is_draft": draft,
        "may_edit": draft and _may(request, policy_rules.DRAFT, version),
        "may_copy": _may(request, policy_rules.DRAFT),
        "may_approve": draft and _may(request, policy_rules.APPROVE, version) and version.drafted_by != request.user,
        "is_staff": adoptions.sees_schemes(request.user),
    }
    return _page(request, "detail", context)


@require_GET
@staff
def compare(request: HttpRequest) -> HttpResponse:
    """Show two versions side by side, in words."""
    chosen = [_named(request, read_text(request.GET.get(name, ""))) for name in ("a", "b")]
    versions = adoptions.versions_seen(request.user).exclude(status="discarded").order_by("scheme__name", "number")
    context: dict[str, Any] = {"versions": versions, "a": chosen[0], "b": chosen[1]}
    if chosen[0] is not None and chosen[1] is not None:
        context["differences"] = describe.differences(chosen[0].content(), chosen[1].content())
    return _page(request, "compare", context)


def _named(request: HttpRequest, code: str) -> SchemeVersion | None:
    slug, _at, text = code.rpartition("@")
    number = read_int(text, 0, 1_000_000, default=None)
    if not slug or number is None:
        return None
    return adoptions.versions_seen(request.user).filter(scheme__slug=slug, number=number).first()


@require_http_methods(["GET", "POST"])
@staff
def copy(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Draft a scheme by copying this version."""
    version = adoptions.version_for(request.user, slug, number)
    _require(request, policy_rules.DRAFT)
    regions = adoptions.own_regions(request.user, DRAFT_SCHEME)
    initial = {"name": version.scheme.name, "region": regions.first(), "effective_from": _next_month()}
    form = DraftForm(_posted(request), regions=regions, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = form.once(
                actor=request.user,
                scope=f"copy_scheme:{version.pk}",
                create=lambda: policy.copy_version(
                    version=version,
                    actor=request.user,
                    name=data["name"],
                    region=data["region"],
                    effective_from=data["effective_from"],
                    reason=data["reason"],
                ),
            ).result
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The draft is there. Change what shall be different."))
            return redirect("service:scheme", slug=made.scheme.slug, number=made.number)
    return _page(request, "copy", {"version": version}, form)


def _next_month() -> dt.date:
    today = timezone.localdate()
    return dt.date(today.year + today.month // 12, today.month % 12 + 1, 1)


@require_http_methods(["GET", "POST"])
@staff
def import_table(request: HttpRequest) -> HttpResponse:
    """Draft a scheme from a table file: first what each row would become, then the draft."""
    _require(request, policy_rules.DRAFT)
    regions = adoptions.own_regions(request.user, DRAFT_SCHEME)
    initial = {"region": regions.first(), "effective_from": _next_month()}
    form = TableForm(_posted(request), request.FILES or None, regions=regions, initial=initial)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            if "store" in request.POST:
                made = form.once(
                    actor=request.user,
                    scope="import_scheme",
                    extra=data["table"],
                    create=lambda: policy.draft_from_table(
                        rows=data["table"],
                        actor=request.user,
                        name=data["name"],
                        region=data["region"],
                        effective_from=data["effective_from"],
                    )[0],
                ).result
                messages.success(request, _("The draft is stored. A second person approves it."))
                return redirect("service:scheme", slug=made.scheme.slug, number=made.number)
            report = read_table([{**row, "scheme": data["name"]} for row in data["table"]], default_scheme=data["name"])
            drafts = list(report.drafts.values())
            hidden = [(name, data[name]) for name in ("name", "reason", form.KEY)]
            since = data["effective_from"].isoformat()  # reads itself: a hidden field that comes back here
            hidden += [("region", data["region"].pk), ("effective_from", since)]
            texts = _row_texts(report, drafts)
            context = {"report": report, "signed": form.signed(), "texts": texts, "hidden": hidden}
        except NotReadable as problem:
            form.add_error("file", str(problem))
        except DomainError as error:
            form.refuse(error)
    return _page(request, "import", context, form)


def _row_texts(report: Any, drafts: list[Any]) -> list[dict[str, Any]]:
    """Return each row with what it would become, or why not."""
    rules = {code: describe.rule_text(rule) for draft in drafts for code, rule in draft.rules.items()}
    return [
        {
            "number": row.number,
            "text": row.text,
            "lines": rules[row.rule].lines if row.rule in rules else (),
            "reason": row.refusal.reason if row.refusal else "",
        }
        for row in report.rows
    ]


@require_http_methods(["GET", "POST"])
@staff
def rule(request: HttpRequest, slug: str, number: int, code: str) -> HttpResponse:
    """Change a rule of a draft, or leave it out."""
    version = _draft(request, slug, number)
    result = next((row for row in version.spec().rules if row.code == code), None)
    if result is None:
        raise Http404
    form = RuleForm(request.POST if request.method == "POST" and "remove" not in request.POST else None, rule=result)
    if request.method == "POST":
        try:
            if "remove" in request.POST:
                policy.remove_rule(version=version, code=code, actor=request.user)
                messages.success(request, _("The rule is left out."))
                return redirect("service:scheme", slug=slug, number=number)
            if form.is_valid():
                policy.set_rule(version=version, code=code, actor=request.user, **form.change())
                messages.success(request, _("Changed."))
                return redirect("service:scheme", slug=slug, number=number)
        except DomainError as error:
            form.refuse(error)
    return _page(request, "rule", {"version": version, "text": describe.rule_text(result)}, form)


@require_http_methods(["GET", "POST"])
@staff
def new_rule(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Add a rule to a draft."""
    version = _draft(request, slug, number)
    form = RowForm(_posted(request))
    if request.method == "POST" and form.is_valid():
        row = {name: value for name, value in form.cleaned_data.items() if name != form.KEY}
        try:
            form.once(
                actor=request.user,
                scope=f"add_rule:{version.pk}",
                create=lambda: policy.add_rule(version=version, row=row, actor=request.user),
            )
        except NotReadable as problem:
            form.add_error(None, str(problem))
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Added."))
            return redirect("service:scheme", slug=slug, number=number)
    return _page(request, "new_rule", {"version": version}, form)


def _draft(request: HttpRequest, slug: str, number: int) -> SchemeVersion:
    version = adoptions.version_for(request.user, slug, number)
    if version.status != SchemeVersion.Status.DRAFT:
        raise Http404
    if not _may(request, policy_rules.DRAFT, version):
        raise PermissionDenied
    return version


@require_http_methods(["GET", "POST"])
@staff
def approve(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Answer what the text leaves open, and put the draft in force in somebody's name."""
    version = adoptions.version_for(request.user, slug, number)
    if version.status != SchemeVersion.Status.DRAFT:
        raise Http404
    if not _may(request, policy_rules.APPROVE, version):
        raise PermissionDenied
    questions = questions_of(version.content(), version.questions)
    form = ApproveForm(_posted(request), questions=questions)
    if request.method == "POST" and form.is_valid():
        try:
            policy.approve_version(
                version=version,
                approved_as=form.cleaned_data["approved_as"],
                answers=form.answers(),
                actor=request.user,  # type: ignore[arg-type]
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Approved. It never changes now; villages can adopt it."))
            return redirect("service:scheme", slug=slug, number=number)
    own = version.drafted_by == request.user
    return _page(request, "approve", {"version": version, "own": own, "questions": questions}, form)


@require_GET
@staff
def simulation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show what a past period would have earned under this version, before anybody decides."""
    version = adoptions.version_for(request.user, slug, number)
    _require(request, policy_rules.DRAFT)
    regions = adoptions.own_regions(request.user, DRAFT_SCHEME)
    first, last = _last_quarter()
    initial = {"region": regions.first(), "first": first, "last": last}
    asked = request.GET if "first" in request.GET else None
    form = SimulationForm(asked, regions=regions, initial=initial)
    context: dict[str, Any] = {"version": version}
    if asked is not None and form.is_valid():
        data = form.cleaned_data
        result = simulate(data["region"], data["first"], data["last"], version)
        context |= {"result": result, **_told(request, result)}
    return _page(request, "simulation", context, form)


def _told(request: HttpRequest, result: Simulation) -> dict[str, Any]:
    """Return the people who gain and lose most, by name, and the sums in words."""
    shown = [*result.gains[:MOST_SHOWN], *result.loses[:MOST_SHOWN]]
    names = dict(Resident.objects.filter(pk__in=[item.person for item in shown]).values_list("pk", "name"))
    rows = lambda people: [{"name": names.get(person.person, ""), "result": person} for person in people[:MOST_SHOWN]]  # noqa: E731
    return {"gains": rows(result.gains), "loses": rows(result.loses)}


def _last_quarter() -> tuple[dt.date, dt.date]:
    today = timezone.localdate()
    begin = dt.date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    last = begin - dt.timedelta(days=1)
    return dt.date(last.year, last.month - 2, 1), last


@require_POST
@staff
def discard(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Put a draft aside."""
    version = _draft(request, slug, number)
    policy.discard_draft(version=version, actor=request.user)
    messages.success(request, _("The draft is put aside."))
    return redirect("service:schemes")


@require_http_methods(["GET", "POST"])
@staff
def adopt(request: HttpRequest) -> HttpResponse:
    """Let a village, or all of a region, use a scheme from a day on."""
    _require(request, policy_rules.ADOPT)
    regions = adoptions.own_regions(request.user, ADOPT_SCHEME)
    schemes = adoptions.approved_schemes()
    initial = {
        "region": get_object_or_404(regions, pk=read_id(request.GET.get("region"), 0))
        if "region" in request.GET
        else regions.first(),
        "scheme": read_text(request.GET.get("scheme", ""))[:40],
        "since": _next_month(),
    }
    form = AdoptForm(_posted(request), regions=regions, schemes=schemes, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            form.once(
                actor=request.user,
                scope="adopt_scheme",
                create=lambda: services.adopt_scheme(
                    region=data["region"],
                    slug=data["scheme"].slug,
                    since=data["since"],
                    actor=request.user,  # type: ignore[arg-type]
                    notice_days=data["notice_days"],
                    reason=data["reason"],
                ),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            days = (data["since"] - timezone.localdate()).days
            text = ngettext("In use in %(n)d day.", "In use in %(n)d days.", days) % {"n": days}
            messages.success(request, text if days else _("In use from today."))
            return redirect("service:schemes")
    return _page(request, "adopt", {}, form)
