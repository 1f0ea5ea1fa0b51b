"""Addresses of payments."""

from __future__ import annotations

from django.urls import path

from marketplace.payments.views import payer, webhook

app_name = "payments"

urlpatterns = [
    path("stripe/webhook", webhook.webhook, name="webhook"),
    path("pay/<uuid:public_id>/", payer.status, name="status"),
    path("pay/<uuid:public_id>/return/", payer.came_back, name="return"),
    path("pay/<uuid:public_id>/cancelled/", payer.cancelled, name="cancelled"),
    path("pay/<uuid:public_id>/cancel/", payer.cancel, name="cancel"),
]
