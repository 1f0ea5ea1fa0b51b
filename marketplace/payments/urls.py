"""Addresses of payments."""

from __future__ import annotations

from django.urls import path

from marketplace.payments.views import keeper, payer, unannounced, webhook

app_name = "payments"

urlpatterns = [
    path("stripe/webhook", webhook.webhook, name="webhook"),
    path("pay/<uuid:public_id>/", payer.status, name="status"),
    path("pay/<uuid:public_id>/return/", payer.came_back, name="return"),
    path("pay/<uuid:public_id>/cancelled/", payer.cancelled, name="cancelled"),
    path("pay/<uuid:public_id>/cancel/", payer.cancel, name="cancel"),
    path("payments/", keeper.payments, name="list"),
    path("payments/new/", unannounced.receipt, name="new"),
    path("payments/strays/", unannounced.strays, name="strays"),
    path("payments/strays/<id:pk>/", unannounced.stray, name="stray"),
    path("payments/<id:pk>/", keeper.payment, name="payment"),
    path("payments/<id:pk>/confirm/", keeper.confirm, name="confirm"),
    path("payments/<id:pk>/withdraw/", keeper.withdraw, name="withdraw"),
    path("payments/<id:pk>/refunds/<id:refund_pk>/", keeper.decide, name="decide"),
    path("payments/bank/", keeper.bank, name="bank"),
    path("payments/bank/<id:pk>/", keeper.bank_line, name="bank_line"),
    path("payments/reconciliation/", keeper.reconciliation, name="reconciliation"),
    path("payments/events/<id:pk>/retry/", keeper.retry, name="retry"),
]
