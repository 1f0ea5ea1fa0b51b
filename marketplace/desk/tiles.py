"""The desk's own tiles: what waits in a village today."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from marketplace.desk import selectors
from marketplace.desk.scope import KEY, Scope, with_place
from marketplace.rewards.rules import ADJUST_STOCK, APPROVE_RETURN, CONFIRM_COUNT, RECEIVE_STOCK
from timebank.common import contract
from timebank.common.figures import Kept
from timebank.common.numbers import format_points
from timebank.registry import roles, rules
from timebank.registry.models import Region, Resident, RoleGrant
from timebank.registry.rules import AUDIT, REGISTER_RESIDENT, VIEW_VILLAGE
from timebank.service.models import Record
from timebank.service.rules import ANSWER_OBJECTION, PUBLISH_NOTICE, VERIFY_RECORD
from timebank.service.selectors.notices import on_notice_now
from timebank.ui.templatetags.ui import day
from timebank.ui.tiles import Figure, Tile

LATE_AFTER = 10  # days that a record may wait for verification


def _verify(user: Any, region: Region) -> Figure:
    sums = selectors.verify_queue(user, Scope(region)).order_by().aggregate(count=Count("pk"), oldest=Min("served_on"))
    oldest = sums["oldest"]
    late = oldest is not None and (timezone.localdate() - oldest).days > LATE_AFTER
    return Figure(
        value=sums["count"],
        tone="warn" if late else "",
        note=_("the oldest of %(day)s") % {"day": day(oldest)} if oldest else "",
        href=reverse("desk:verify"),
    )


def _publish(user: Any, region: Region) -> Figure:
    return Figure(value=selectors.verified(Scope(region)).order_by().count(), href=reverse("desk:notice"))


def _notice(user: Any, region: Region) -> Figure:
    sums = (
        on_notice_now()
        .filter(Scope(region).below())
        .aggregate(count=Count("pk"), soonest=Min("notice_until", filter=Q(state=Record.State.PUBLISHED)))
    )
    note = _("the next earn on %(day)s") % {"day": day(sums["soonest"])} if sums["soonest"] else ""
    return Figure(value=sums["count"], note=note, href=reverse("desk:notice"))


def _objections(user: Any, region: Region) -> Figure:
    sums = selectors.objections(Scope(region), is_open=True).order_by().aggregate(count=Count("pk"), due=Min("due_on"))
    return Figure(
        value=sums["count"],
        tone="bad" if sums["count"] else "",
        note=_("answer by %(day)s") % {"day": day(sums["due"])} if sums["due"] else "",
        href=reverse("desk:notice") + "#objections",
    )


def _tickets(user: Any, region: Region) -> Figure:
    scope = Scope(region)
    today = selectors.tickets(scope, which="today").order_by().count()
    return Figure(
        value=selectors.tickets(scope, which="waiting").order_by().count(),
        note=ngettext("%(n)s handed over today", "%(n)s handed over today", today) % {"n": today},
        href=reverse("desk:tickets") + "?which=waiting",
    )


def _returns(user: Any, region: Region) -> Figure:
    waiting = selectors.returns_to_decide(user, Scope(region)).count()
    return Figure(value=waiting, tone="warn" if waiting else "", href=reverse("desk:tickets") + "?which=returns")


def _counts(user: Any, region: Region) -> Figure:
    waiting = selectors.counts_to_confirm(user, region).count()
    href = reverse("desk:opening_counts", args=[region.pk])
    return Figure(value=waiting, tone="warn" if waiting else "", href=href)


def _write_offs(user: Any, region: Region) -> Figure:
    waiting = selectors.write_offs_to_decide(user, Scope(region)).order_by().count()
    return Figure(value=waiting, tone="warn" if waiting else "", href=reverse("desk:write_offs", args=[region.pk]))


def _on_the_way(user: Any, region: Region) -> Figure:
    rows = selectors.long_on_the_way(region, timezone.now()).order_by()
    sums = rows.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    note = _("the oldest of %(day)s") % {"day": day(timezone.localtime(sums["oldest"]))} if sums["oldest"] else ""
    return Figure(
        value=sums["count"],
        tone="warn" if sums["count"] else "",
        note=note,
        href=reverse("desk:transfers", args=[region.pk]) + "?which=late",
    )


def _stock(user: Any, region: Region) -> Figure:
    low = selectors.stock(Scope(region)).filter(selectors.is_low()).order_by().count()
    soon = selectors.use_soon(Scope(region)).order_by().count()
    note = ngettext("%(n)s batch to be used soon", "%(n)s batches to be used soon", soon) % {"n": soon} if soon else ""
    return Figure(value=low, tone="warn" if low or soon else "", note=note, href=reverse("desk:stock"))


def _residents(user: Any, region: Region) -> Figure:
    scope = Scope(region)
    active = selectors.active_residents(scope)
    return Figure(
        value=sum(active.value.values()),
        note=_as_of(scope, active),
        href=reverse("desk:residents") + "?status=active",
    )


def _joining(user: Any, region: Region) -> Figure:
    waiting = Resident.objects.filter(Scope(region).below(), status=Resident.Status.PENDING).count()
    return Figure(value=waiting, tone="warn" if waiting else "", href=reverse("desk:residents") + "?status=pending")


def _points(user: Any, region: Region) -> Figure:
    scope = Scope(region)
    points = selectors.outstanding(scope)
    return Figure(
        value=format_points(points.value), tone="wheat", note=_as_of(scope, points), href=reverse("desk:statement")
    )


def _as_of(scope: Scope, kept: Kept) -> str:
    """Say since when a figure is kept; a village's own is counted when it is shown."""
    if scope.is_village:
        return ""
    return _("as of %(time)s") % {"time": date_format(timezone.localtime(kept.computed_at), "H:i")}


TILES = [
    Tile(
        key="verify",
        label=gettext_lazy("To verify"),
        icon="verify",
        actions=(VERIFY_RECORD,),
        measure=_verify,
        order=10,
    ),
    Tile(
        key="publish",
        label=gettext_lazy("Ready for notice"),
        icon="notice",
        actions=(PUBLISH_NOTICE,),
        measure=_publish,
        order=20,
    ),
    Tile(
        key="notice",
        label=gettext_lazy("On public notice"),
        icon="clock",
        actions=(PUBLISH_NOTICE, AUDIT),
        measure=_notice,
        order=30,
        is_work=False,
    ),
    Tile(
        key="objections",
        label=gettext_lazy("Open objections"),
        icon="warning",
        actions=(ANSWER_OBJECTION, AUDIT),
        measure=_objections,
        order=40,
    ),
    Tile(
        key="tickets",
        label=gettext_lazy("Tickets to collect"),
        icon="ticket",
        actions=(VIEW_VILLAGE,),
        measure=_tickets,
        order=50,
    ),
    Tile(
        key="returns",
        label=gettext_lazy("Returns to decide"),
        icon="undo",
        actions=(APPROVE_RETURN,),
        measure=_returns,
        order=55,
    ),
    Tile(
        key="counts",
        label=gettext_lazy("First counts to confirm"),
        icon="list",
        actions=(CONFIRM_COUNT,),
        measure=_counts,
        order=57,
    ),
    Tile(
        key="write_offs",
        label=gettext_lazy("Write-offs to decide"),
        icon="warning",
        actions=(CONFIRM_COUNT,),
        measure=_write_offs,
        order=58,
    ),
    Tile(
        key="on_the_way",
        label=gettext_lazy("Sent long ago, not counted"),
        icon="stock",
        actions=(RECEIVE_STOCK, ADJUST_STOCK),
        measure=_on_the_way,
        order=59,
    ),
    Tile(
        key="stock",
        label=gettext_lazy("Running out"),
        icon="stock",
        actions=(VIEW_VILLAGE,),
        measure=_stock,
        order=60,
    ),
    Tile(
        key="joining",
        label=gettext_lazy("Want to join"),
        icon="person",
        actions=(REGISTER_RESIDENT,),
        measure=_joining,
        order=45,
    ),
    Tile(
        key="residents",
        label=gettext_lazy("Residents"),
        icon="family",
        actions=(REGISTER_RESIDENT, AUDIT),
        measure=_residents,
        order=70,
        is_work=False,
    ),
    Tile(
        key="points",
        label=gettext_lazy("Points outstanding"),
        icon="points",
        actions=(VIEW_VILLAGE,),
        measure=_points,
        order=80,
        is_work=False,
    ),
]


def tiles_for(request: HttpRequest, region: Region, key: str = "") -> list[dict[str, Any]]:
    """Work out the declared tiles (or the one named ``key``) that are for this person here, ready for the page."""
    declared = sorted(contract.items("desk_tiles"), key=lambda tile: (tile.order, tile.key))
    return [
        _shown(request, tile, tile.measure(request.user, region))
        for tile in declared
        if key in ("", tile.key) and any(rules.can(request.user, action, region) for action in tile.actions)
    ]


def open_work(grant: RoleGrant, viewer: Any) -> list[tuple[str, Figure, str]]:
    """List what waits in the holder's place for somebody of this role: its name, its figure, its page for a viewer."""
    region = grant.region
    if region is None:
        return []
    allowed = roles.table().allowed.get(grant.role, frozenset())
    declared = sorted(contract.items("desk_tiles"), key=lambda tile: (tile.order, tile.key))
    rows = []
    for tile in declared:
        if tile.is_work and allowed.intersection(tile.actions):
            figure = tile.measure(grant.user, region)
            path, _mark, fragment = figure.href.partition("#")
            page = f"{path}{'&' if '?' in path else '?'}{KEY}={region.pk}{'#' + fragment if fragment else ''}"
            sees = path and any(rules.can(viewer, action, region) for action in tile.actions)
            rows.append((str(tile.label), figure, page if sees else ""))
    return rows


def _shown(request: HttpRequest, tile: Tile, figure: Figure) -> dict[str, Any]:
    return {
        "label": tile.label,
        "icon": tile.icon,
        "value": figure.value,
        "tone": figure.tone,
        "note": figure.note,
        "href": with_place(request, figure.href),
        "live": with_place(request, reverse("desk:tile", args=[tile.key])),
    }
