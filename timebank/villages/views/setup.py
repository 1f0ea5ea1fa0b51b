"""The first run: from an empty database to a county with its first village, opened by a token that works once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from timebank.common.errors import DomainError
from timebank.common.sheets.errors import SheetError
from timebank.common.sheets.filling import table_to_fill_in
from timebank.policy.models import Scheme
from timebank.registry.errors import BrokenFile
from timebank.registry.imports.places import COLUMNS as PLACES
from timebank.registry.imports.places import example_places, read_places
from timebank.registry.models import Region
from timebank.registry.services.regions import COLUMNS
from timebank.service.selectors.adoptions import approved_schemes, schemes_in_words
from timebank.villages import selectors, services
from timebank.villages.errors import SetupClosed
from timebank.villages.forms import ChooseForm, FinishForm, PlacesForm, TokenForm
from timebank.villages.models import SetupToken

MOST_SHOWN = 20


def _require_open(token: str) -> None:
    """Let nobody past without the token: the setup does not exist for others, nor afterwards."""
    if not selectors.token_opens(SetupToken.objects.filter(pk=1).first(), token):
        raise Http404


def _page(request: HttpRequest, name: str, token: str, step: int, form: Any, **context: Any) -> HttpResponse:
    context |= {"form": form, "token": token, "step": step, "steps": 4}
    return render(request, f"villages/setup_{name}.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for the token that was printed; where no setup waits there is no page."""
    if not selectors.setup_is_open():
        raise Http404
    form = TokenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        token = form.cleaned_data["token"].rstrip("/").rsplit("/", 1)[-1]
        if selectors.token_opens(SetupToken.objects.filter(pk=1).first(), token):
            return redirect("villages:setup", token=token)
        form.add_error("token", _("This token opens nothing. Take the one that was printed last."))
    return render(request, "villages/setup_enter.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def places(request: HttpRequest, token: str) -> HttpResponse:
    """Load the places from a file."""
    _require_open(token)
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = PlacesForm(*sent)
    broken: list[Any] = []
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            report = services.load_places(token=token, rows=read_places(upload, COLUMNS, ("kind",)))
        except SheetError as error:
            form.add_error("file", str(error))
        except BrokenFile as error:
            broken = list(error.params["rows"])
            form.add_error("file", str(error))
        except SetupClosed as error:
            raise Http404 from error
        else:
            many = len(report.added)
            messages.success(request, ngettext("%(n)s place loaded.", "%(n)s places loaded.", many) % {"n": many})
            return redirect("villages:setup_county", token=token)
    count = Region.objects.filter(level=Region.Level.VILLAGE, is_active=True).count()
    return _page(
        request, "places", token, 1, form, count=count, broken=broken[:MOST_SHOWN], more=len(broken) - MOST_SHOWN
    )


@never_cache
@require_GET
def places_to_fill_in(request: HttpRequest, token: str, form: str) -> HttpResponseBase:
    """Give a table of places to fill in."""
    _require_open(token)
    return table_to_fill_in(form, "places", list(PLACES.values()), example_places())


@never_cache
@require_http_methods(["GET", "POST"])
def county(request: HttpRequest, token: str) -> HttpResponse:
    """Choose the county."""
    _require_open(token)
    counties = Region.objects.filter(level=Region.Level.COUNTY, is_active=True).order_by("path")
    form = ChooseForm(request.POST if request.method == "POST" else None, places=counties, label=_("County"))
    if request.method == "POST" and form.is_valid():
        return redirect("villages:setup_town", token=token, county=form.cleaned_data["place"].pk)
    return _page(request, "choose", token, 2, form, lead=_("Which county starts here?"), is_empty=not counties.exists())


def _region(pk: int, level: str, inside: Region | None = None) -> Region:
    region = Region.objects.filter(pk=pk, level=level, is_active=True).first()
    if region is None or (inside is not None and not region.path.startswith(inside.path)):
        raise Http404
    return region


@never_cache
@require_http_methods(["GET", "POST"])
def town(request: HttpRequest, token: str, county: int) -> HttpResponse:
    """Choose the town of the first village."""
    _require_open(token)
    above = _region(county, Region.Level.COUNTY)
    towns = Region.objects.filter(path__startswith=above.path, level=Region.Level.TOWN, is_active=True).order_by("path")
    form = ChooseForm(request.POST if request.method == "POST" else None, places=towns, label=_("Town"))
    if request.method == "POST" and form.is_valid():
        return redirect("villages:setup_finish", token=token, county=county, town=form.cleaned_data["place"].pk)
    lead = _("In which town of %(county)s does the first village lie?") % {"county": above}
    return _page(request, "choose", token, 3, form, lead=lead, is_empty=not towns.exists())


@never_cache
@sensitive_post_parameters("county_password", "town_password", "village_password")
@require_http_methods(["GET", "POST"])
def finish(request: HttpRequest, token: str, county: int, town: int) -> HttpResponse:
    """Appoint the three admins, adopt the first scheme, and close the setup for good."""
    _require_open(token)
    above = _region(county, Region.Level.COUNTY)
    below = _region(town, Region.Level.TOWN, above)
    if not Scheme.objects.exists():
        services.load_schemes(token=token)
    villages = Region.objects.filter(path__startswith=below.path, level=Region.Level.VILLAGE, is_active=True)
    form = FinishForm(
        request.POST if request.method == "POST" else None,
        villages=villages.order_by("path"),
        schemes=approved_schemes(),
        initial={"since": timezone.localdate()},
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            admin = services.finish_setup(
                token=token,
                county=above,
                county_admin=form.person("county"),
                town=below,
                town_admin=form.person("town"),
                village=data["village"],
                village_admin=form.person("village"),
                scheme=data["scheme"].slug,
                since=data["since"],
            )
        except DomainError as error:
            if error.status == 404:
                raise Http404 from error
            form.refuse(error)
        else:
            login(request, admin, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
            messages.success(request, _("Set up. The list below says what the first village needs before it opens."))
            return redirect("villages:founding", place=data["village"].pk)
    return _page(request, "finish", token, 4, form, county=above, town=below, schemes=schemes_in_words())
