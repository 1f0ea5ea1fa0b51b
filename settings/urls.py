"""Every address: what the apps declare."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.urls import path
from django.views.i18n import JavaScriptCatalog

from timebank.common import contract

urlpatterns = [
    *contract.url_patterns(),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
]
if settings.DEBUG:
    urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
