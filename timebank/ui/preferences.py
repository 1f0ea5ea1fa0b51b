"""Language and text size: where a choice is kept and what may be chosen."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from timebank.common.input import read_text

SIZES = ("normal", "large", "xlarge")
SIZE_LABELS = {"normal": _("Standard"), "large": _("Large"), "xlarge": _("Extra large")}
SIZE_COOKIE = "shanji_size"
COOKIE_AGE = 365 * 24 * 60 * 60


def languages() -> tuple[str, ...]:
    return tuple(code for code, _name in settings.LANGUAGES)


def size_of(request: HttpRequest) -> str:
    """Return the text size: the profile's if one was chosen there, else the cookie's, else normal."""
    user = getattr(request, "user", None)
    chosen = getattr(user, "text_size", "") if user is not None and user.is_authenticated else ""
    # Every profile starts as normal, so that alone says nothing: what was chosen on this phone before signing in holds.
    if chosen not in SIZES[1:]:
        chosen = read_text(request.COOKIES.get(SIZE_COOKIE, ""))
    return chosen if chosen in SIZES else SIZES[0]


def next_size(size: str) -> str:
    """Return the size after this one, round again at the end."""
    return SIZES[(SIZES.index(size) + 1) % len(SIZES)]
