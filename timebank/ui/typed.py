"""What somebody typed into a form that could not be taken: shown again as hidden fields, so that it is not lost."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

TOKEN = "csrfmiddlewaretoken"  # noqa: S105 (the name of a field)
#: With what a part of the name of a field begins whose value is never sent back to a page.
SECRET = ("password", "pin", "otp")
CONFIRM = "confirm_it_is_you"


def is_secret(name: str) -> bool:
    """Say whether a field holds a password, a PIN or the answer to who is there."""
    return name == CONFIRM or any(part.startswith(SECRET) for part in name.split("_"))


def fields_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the posted fields without tokens and secrets, in their order."""
    return [
        (name, str(value))
        for name, values in request.POST.lists()
        if name != TOKEN and not is_secret(name)
        for value in values
    ]


def is_from_here(request: HttpRequest) -> bool:
    """Say whether the browser vouches that a page of this site sent it; only then it is offered to be sent again."""
    origin = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin") == origin or request.headers.get("Sec-Fetch-Site") == "same-origin"


def unsent(request: HttpRequest, *, signed_out: bool, sign_in: str = "", status: int) -> HttpResponse:
    """Say that nothing was saved, and offer to send the same once more."""
    context = {
        "signed_out": signed_out,
        "sign_in": sign_in,
        "typed": fields_of(request),
        "secrets": any(map(is_secret, request.POST)),
        "files": bool(request.FILES),
        "action": request.get_full_path(),
    }
    response = render(request, "ui/unsent.html", context, status=status)
    add_never_cache_headers(response)
    return response
