"""What is in force."""

from __future__ import annotations

import datetime as dt

from timebank.policy.errors import NoSchemeInForce
from timebank.policy.models import SchemeVersion


def version_in_force(slug: str, on: dt.date) -> SchemeVersion:
    """Return the approved version of a scheme in force on a day; raises NoSchemeInForce."""
    version = (
        SchemeVersion.objects.select_related("scheme")
        .filter(scheme__slug=slug, status=SchemeVersion.Status.APPROVED, effective_from__lte=on)
        .order_by("-effective_from", "-number")
        .first()
    )
    if version is None:
        raise NoSchemeInForce(slug=slug)
    return version


def version_by_code(code: str) -> SchemeVersion:
    """Return the version that a quote names, e.g. ``wendeng-rural@1``; raises NoSchemeInForce."""
    slug, _at, number = code.rpartition("@")
    version = SchemeVersion.objects.select_related("scheme").filter(scheme__slug=slug, number=number or 0).first()
    if version is None:
        raise NoSchemeInForce(slug=code)
    return version
