"""Who on the staff looked at whose particulars: one row each, written by one decorator, read by the person.

A view that shows or hands out telephone, ID number, card or passbook of residents is wrapped in ``reads_people(what)``
and names them by ``note_read(request, residents)``. What was shown (answer below 400) is written after the view, in one
statement. Looking at oneself is no row. Kept ``READS_KEPT``, then forgotten by a sweep; the database lets nobody
change a row, nor delete one younger than a year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from timebank.common.input import read_text
from timebank.common.sweeps import forget
from timebank.registry.models import PersonalRead, Region, Resident

READS_KEPT = dt.timedelta(days=2 * 365)

View = Callable[..., HttpResponseBase]


def reads_people(what: str) -> Callable[[View], View]:
    """Wrap a view that shows particulars of residents; ``what`` is an audited action with a label."""

    def wrap(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            request.people_read, request.read_as = {}, what  # type: ignore[attr-defined]
            response = view(request, *args, **kwargs)
            if response.status_code < 400 or response.status_code in {409, 422}:
                _write(request)
            return response

        inner.reads_people = what  # type: ignore[attr-defined]
        return inner

    return wrap


def note_read(request: HttpRequest, residents: Iterable[Resident], *, what: str = "") -> None:
    """Say whose particulars this answer holds; a list that is a file names its queryset and ``what`` it is."""
    if what:
        request.read_as = what  # type: ignore[attr-defined]
    if isinstance(residents, QuerySet) and not residents.query.is_sliced:  # a page is read anyhow, a file is not
        pairs = residents.order_by().values_list("pk", "village_id")
    else:
        pairs = [(resident.pk, resident.village_id) for resident in residents]  # type: ignore[assignment]
    request.people_read.update(pairs)  # type: ignore[attr-defined]


def _write(request: HttpRequest) -> None:
    noted: dict[int, int] = request.people_read  # type: ignore[attr-defined]
    what: str = request.read_as  # type: ignore[attr-defined]
    user: Any = request.user
    if not noted or not user.is_authenticated:
        return
    own = getattr(user, "resident", None)
    now = timezone.now()
    reason = read_text(request.GET.get("why"), 200)
    PersonalRead.objects.bulk_create(
        PersonalRead(occurred_at=now, actor=user, resident_id=resident, region_id=region, what=what, reason=reason)
        for resident, region in noted.items()
        if own is None or own.pk != resident
    )


def reads_about(resident: Resident) -> QuerySet[PersonalRead]:
    """Select who looked at a person, the newest first; also under a number that was merged into theirs."""
    about = Q(resident=resident) | Q(resident__merged_into=resident)
    return PersonalRead.objects.filter(about).select_related("actor", "region").order_by("-occurred_at", "-pk")


def reads_in(region: Region) -> QuerySet[PersonalRead]:
    """Select who looked at whom in a place and all below it, the newest first."""
    rows = PersonalRead.objects.filter(region__path__startswith=region.path)
    return rows.select_related("actor", "resident", "region").order_by("-occurred_at", "-pk")


def may_download(request: HttpRequest) -> bool:
    """Say whether a file with particulars may leave: only with a reason."""
    return bool(read_text(request.GET.get("why"), 200))


SWEEPS = [forget("forget old looks", lambda now: PersonalRead.objects.filter(occurred_at__lt=now - READS_KEPT))]
