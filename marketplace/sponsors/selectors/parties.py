"""Organisations, sponsors and pledges as a person may see them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from marketplace.funds.models import Fund
from marketplace.funds.rules import KEEP_FUND
from marketplace.partner.models import StockRecord
from marketplace.rewards.rules import RECEIVE_STOCK
from marketplace.sponsors import rules
from marketplace.sponsors.models import Claim, Delivery, Enterprise, Need, Pledge, Receipt
from timebank.common.errors import NotFound
from timebank.registry.models import Organisation, Region, RoleGrant, User
from timebank.registry.rules import GRANT_ROLE, organisations_where, regions_where

PEOPLE = ("enterprise__organisation", "enterprise__merged_into__organisation")


def organisations_for(user: User, *, text: str = "", kind: str = "", status: str = "") -> QuerySet[Organisation]:
    """Select the organisations of the regions in which ``user`` appoints people, waiting ones first."""
    rows = Organisation.objects.filter(region__in=regions_where(user, GRANT_ROLE)).select_related("region", "sponsor")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(uscc__startswith=text.upper()))
    if kind in Organisation.Kind.values:
        rows = rows.filter(kind=kind)
    if kind == "sponsor":
        rows = rows.filter(sponsor__isnull=False)
    if status in Organisation.Status.values:
        rows = rows.filter(status=status)
    waits = Count("pk", filter=Q(status="pending") | Q(sponsor__state="pending"))
    return rows.annotate(waits=waits).order_by("-waits", "name", "pk")


def organisation_for(user: User, pk: int) -> Organisation:
    """Return an organisation that ``user`` manages; ``NotFound`` for strangers."""
    rows = Organisation.objects.filter(region__in=regions_where(user, GRANT_ROLE))
    result = rows.select_related("region", "identity", "sponsor__merged_into__organisation").filter(pk=pk).first()
    if result is None:
        raise NotFound
    return result


def people_of(organisation: Organisation) -> list[RoleGrant]:
    """List who has a role in an organisation now."""
    grants = RoleGrant.objects.filter(organisation=organisation, ended_at=None).select_related("user", "organisation")
    return list(grants.order_by("granted_at", "pk"))


def sponsors_of(user: User) -> list[Enterprise]:
    """List the sponsors that ``user`` works for, each followed by those merged into it."""
    own = Enterprise.objects.filter(organisation__in=organisations_where(user, rules.PLEDGE))
    rows = own | Enterprise.objects.filter(merged_into__in=own.values("pk"))
    return list(rows.select_related("organisation__region", "merged_into__organisation").order_by("state", "pk"))


def sponsor_of(user: User) -> Enterprise:
    """Return the sponsor for which ``user`` acts; ``NotFound`` when there is none."""
    mine = sponsors_of(user)
    if not mine:
        raise NotFound
    return next((item for item in mine if item.state == Enterprise.State.ACTIVE), mine[0])


# -- Pledges and deliveries --------------------------------------------------------------------------------------------
def pledges_of(user: User) -> QuerySet[Pledge]:
    """Select the pledges of the sponsors that ``user`` works for."""
    mine = [sponsor.pk for sponsor in sponsors_of(user)]
    return Pledge.objects.filter(enterprise__in=mine).select_related("fund__region", "need", *PEOPLE)


def pledge_of(user: User, pk: int) -> Pledge:
    """Return one of the sponsor's own pledges; ``NotFound`` for strangers."""
    pledges = pledges_of(user).select_related("purpose", "stockrecord__product", "supplier", "agreement").filter(pk=pk)
    pledge = pledges.first()
    if pledge is None:
        raise NotFound
    return pledge


def _desk_regions(user: User) -> QuerySet[Region]:
    regions = regions_where(user, KEEP_FUND)
    for action in (rules.APPROVE_SPONSOR, rules.PUBLISH_NEED, RECEIVE_STOCK):
        regions = regions | regions_where(user, action)
    return regions


def pledges_at_desk(user: User, *, state: str = "") -> QuerySet[Pledge]:
    """Select the pledges to the funds in which ``user`` works; drafts are the sponsor's own affair."""
    rows = Pledge.objects.filter(fund__region__in=_desk_regions(user)).exclude(state=Pledge.State.DRAFT)
    if state in Pledge.State.values:
        rows = rows.filter(state=state)
    return rows.select_related("fund__region", "need", *PEOPLE)


def pledge_at_desk(user: User, pk: int) -> Pledge:
    """Return a pledge to a fund in which ``user`` works; ``NotFound`` for strangers."""
    rows = pledges_at_desk(user).select_related("purpose", "stockrecord__product", "supplier", "agreement")
    result = rows.filter(pk=pk).first()
    if result is None:
        raise NotFound
    return result


def deliveries_at_desk(user: User, *, state: str = "") -> QuerySet[Delivery]:
    """Select the deliveries to the funds in which ``user`` works."""
    rows = Delivery.objects.filter(pledge__fund__region__in=_desk_regions(user))
    if state in Delivery.State.values:
        rows = rows.filter(state=state)
    return rows.select_related(
        "pledge__fund__region",
        "pledge__stockrecord__product",
        "pledge__stockrecord__partner__village",
        "pledge__enterprise__organisation",
        "pledge__enterprise__merged_into__organisation",
        "counted_by",
    )


def delivery_at_desk(user: User, pk: int) -> Delivery:
    """Return a delivery that ``user`` may count, value or look at; ``NotFound`` for strangers."""
    result = deliveries_at_desk(user).filter(pk=pk).first()
    if result is None:
        raise NotFound
    return result


def shelves_for(pledge: Pledge, user: User) -> QuerySet[StockRecord]:
    """Select the rewards onto which this gift may go and where ``user`` counts stock."""
    stocked = pledge.kind == Pledge.Kind.GOODS
    rows = StockRecord.objects.filter(
        partner__village__path__startswith=pledge.fund.region.path,
        partner__village__in=regions_where(user, RECEIVE_STOCK),
        partner__is_active=True,
    ).filter(Q(product__product_class__track_stock=stocked) | Q(product__parent__product_class__track_stock=stocked))
    return rows.select_related("product__parent", "partner__village").order_by("partner__name", "pk")


def receipts_of(enterprises: list[Enterprise], year: int | None = None) -> QuerySet[Receipt]:
    """Select the receipts of sponsors, of one year if given."""
    rows = Receipt.objects.filter(pledge__enterprise__in=[enterprise.pk for enterprise in enterprises])
    if year is not None:
        rows = rows.filter(year=year)
    return rows.select_related("fund__region", "pledge__enterprise", "counter_to")


# -- Needs -------------------------------------------------------------------------------------------------------------
LIVE = (Need.State.PUBLISHED, Need.State.CLAIMED, Need.State.FUNDED, Need.State.REPORTED)


def _with_claims(rows: QuerySet[Need]) -> QuerySet[Need]:
    claims = Claim.objects.filter(state__in=["granted", "done"]).select_related(*PEOPLE)
    return rows.select_related("region", "fund", "purpose").prefetch_related(
        Prefetch("claims", claims, to_attr="granted_claims")
    )


def public_needs(*, region: Region | None = None) -> QuerySet[Need]:
    """Select what everybody may read: published needs and what became of them."""
    rows = Need.objects.filter(state__in=LIVE)
    if region is not None:
        rows = rows.filter(region__path__startswith=region.path)
    return _with_claims(rows).order_by("state", "deadline", "pk")


def public_need(pk: int) -> Need:
    """Return a published need; ``NotFound`` for drafts."""
    result = public_needs().filter(pk=pk).first()
    if result is None:
        raise NotFound
    return result


def needs_at_desk(user: User) -> QuerySet[Need]:
    """Select the needs of the regions for which ``user`` asks for gifts."""
    rows = Need.objects.filter(region__in=regions_where(user, rules.PUBLISH_NEED))
    return _with_claims(rows).order_by("-created_at", "-pk")


def need_at_desk(user: User, pk: int) -> Need:
    """Return a need that ``user`` may publish; ``NotFound`` for strangers."""
    result = needs_at_desk(user).filter(pk=pk).first()
    if result is None:
        raise NotFound
    return result


def claimer_of(need: Need) -> str:
    """Name who has claimed a need, as it may be shown; "" for nobody or a withdrawn name."""
    claims: list[Claim] = getattr(need, "granted_claims", [])
    if not claims:
        return ""
    claim = claims[0]
    return "" if claim.enterprise.name_withdrawn_at else claim.shown_name


def funds_for(user: Any) -> QuerySet[Fund]:
    """Select the funds to which a sponsor may give: all that there are, towns first."""
    return Fund.objects.select_related("region").order_by("region__path")


def thanked() -> list[dict[str, Any]]:
    """List the thank-you wall: sponsors that want to stand there, what of theirs came; no amounts, nobody suspended."""
    arrived = Pledge.objects.filter(state__in=["part", "fulfilled"]).order_by("made_at", "pk")
    rows = (
        Enterprise.objects.filter(on_thanks_wall=True, state=Enterprise.State.ACTIVE, name_withdrawn_at=None)
        .exclude(shown_name="")
        .filter(pk__in=arrived.values("enterprise"))
        .prefetch_related(Prefetch("pledges", arrived, to_attr="came"))
        .order_by("shown_name", "pk")[:500]
    )
    return [
        {
            "name": row.shown_name,
            "name_en": row.shown_name_en,
            "gifts": [pledge.text for pledge in row.came][:5],  # type: ignore[attr-defined]
            "related": any(pledge.related_party for pledge in row.came),  # type: ignore[attr-defined]
        }
        for row in rows
    ]
