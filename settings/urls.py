"""Every door of the house, one line a app."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.conf.urls.static import static
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

urlpatterns = [
    path("", include("timebank.common.urls")),
    path("", include("timebank.ui.urls")),
    path("", include("timebank.ledger.urls")),
    path("", include("timebank.registry.urls")),
    path("", include("timebank.service.urls")),
    path("", include("marketplace.rewards.urls")),
    path("", include("marketplace.counter.urls")),
    path("village/", include("marketplace.desk.urls")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
if settings.DEBUG:
    urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
