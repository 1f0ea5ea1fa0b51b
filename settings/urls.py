"""Every address: what the apps declare."""

from __future__ import annotations

from django.conf import settings
from django.urls import re_path
from django.views.static import serve

from timebank.common import contract

urlpatterns = [
    *contract.url_patterns(),
]
# Photographs of rewards, and nothing else of what is kept as files: those belong to somebody.
urlpatterns += [
    re_path(r"^media/(?P<path>images/[\w./-]+)$", serve, {"document_root": settings.MEDIA_ROOT}, name="photograph"),
]
