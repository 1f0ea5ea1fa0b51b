from __future__ import annotations

from django.urls import path

from timebank.ledger import views

app_name = "ledger"
urlpatterns = [path("ledger/verify/", views.verify_page, name="verify")]
