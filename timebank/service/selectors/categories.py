"""Which kinds of service somebody can choose from, where and for what."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q
from django.utils import timezone

from timebank.policy.engine import Rule
from timebank.policy.errors import NoSchemeInForce
from timebank.policy.models import Category
from timebank.registry.models import Region, Resident
from timebank.service.errors import NoScheme
from timebank.service.models import Activity
from timebank.service.selectors.schemes import scheme_of, spec_of

Choices = list[tuple[str, list[tuple[str, str]]]]


def categories_for_entry(village: Region | None, *, staff: bool, on: dt.date | None = None) -> list[Category]:
    """List what may be chosen for a new activity or record: what the product brings and what the scheme prices.

    ``staff``: also what only village staff may enter.
    """
    entry = [Category.Entry.LEADER, Category.Entry.STAFF] if staff else [Category.Entry.LEADER]
    own = _priced_codes(village, on or timezone.localdate()) if village is not None else set()
    return list(
        Category.objects.filter(Q(entered_by__in=entry), is_active=True).filter(Q(order__lt=500) | Q(code__in=own))
    )


def _priced_codes(village: Region, on: dt.date) -> set[str]:
    try:
        scheme = spec_of(scheme_of(village, on))
    except (NoScheme, NoSchemeInForce):
        return set()
    return {code for rule in scheme.rules for code in rule.categories}


def grouped(categories: list[Category]) -> Choices:
    """Return categories as choices of a form, by family."""
    families: dict[str, list[tuple[str, str]]] = {}
    for category in categories:
        families.setdefault(category.family or "", []).append((category.code, str(category)))
    return list(families.items())


def kinds_open_to(resident: Resident) -> list[tuple[str, str]]:
    """List the kinds of service that open activities of the resident's town have, to filter by."""
    town = resident.village.path[: -resident.village.steplen] or resident.village.path
    codes = (
        Activity.objects.filter(village__path__startswith=town, status=Activity.Status.OPEN)
        .order_by()
        .values_list("category_id", flat=True)
        .distinct()
    )
    return [
        (category.code, str(category))
        for category in Category.objects.filter(Q(code__in=codes) | Q(order__lt=100), is_active=True)
    ]


def range_of(village: Region, category: str, on: dt.date) -> Rule | None:
    """Return the rule that leaves a range of points for a category, None when nothing is to be chosen."""
    try:
        scheme = spec_of(scheme_of(village, on))
    except (NoScheme, NoSchemeInForce):
        return None
    return next((rule for rule in scheme.rules if rule.points_max is not None and category in rule.categories), None)
