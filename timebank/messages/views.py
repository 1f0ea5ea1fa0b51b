"""The inbox."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from timebank.common.input import read_page
from timebank.messages import selectors, services
from timebank.messages.forms import ChannelsForm, initial_of
from timebank.messages.kinds import KINDS
from timebank.messages.models import SendingChoice
from timebank.registry.models import User

PAGE = 30


def _reader(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user


@never_cache
@login_required
@require_GET
def messages_page(request: HttpRequest) -> HttpResponse:
    """List what was told to the reader, newest first."""
    page = Paginator(selectors.inbox(request.user).prefetch_related("sendings"), PAGE).get_page(
        read_page(request.GET.get("page"))
    )
    context = {
        "page": page,
        "rows": [selectors.show(message) for message in page],
        "has_unseen": bool(selectors.unseen(request)),
    }
    return render(request, "messages/inbox.html", context)


@login_required
@require_POST
def all_seen(request: HttpRequest) -> HttpResponse:
    """Mark everything as seen."""
    services.mark_seen(user=_reader(request))
    return redirect("inbox:messages")


@login_required
@require_POST
def seen(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one message as seen, and go where it leads."""
    message = selectors.inbox(request.user).filter(pk=pk).first()
    if message is None:
        raise Http404
    services.mark_seen(user=_reader(request), message=pk)
    if "open" in request.POST and (url := selectors.show(message).url):
        return redirect(url)
    return redirect(reverse("inbox:messages") if "inbox" in request.POST else "/")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def channels(request: HttpRequest) -> HttpResponse:
    """Choose what comes by e-mail or SMS, quiet hours, and whether e-mails come together."""
    reader = _reader(request)
    form = ChannelsForm(
        request.POST if request.method == "POST" else None,
        initial=initial_of(SendingChoice.objects.filter(user=reader).first()),
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        services.choose_channels(
            user=reader,
            email_kinds=data["email"],
            sms_kinds=data["sms"],
            quiet_from=data["quiet_from"],
            quiet_until=data["quiet_until"],
            digest_hour=data["digest_hour"],
        )
        messages.success(request, _("Your choice is kept."))
        return redirect("inbox:channels")
    chosen = {name: set(form[name].value() or ()) for name in ("email", "sms")}
    kinds = [
        {"key": key, "kind": kind, "email": key in chosen["email"], "sms": key in chosen["sms"]}
        for key, kind in KINDS.items()
    ]
    context = {"form": form, "kinds": kinds, "reader": reader}
    return render(request, "messages/channels.html", context, status=form.status if form.errors else 200)
