"""Doors of residents: home, confirm, tickets, statement."""

from __future__ import annotations

from django.urls import path, re_path

from marketplace.rewards import views
from marketplace.rewards.views.kept import kept
from marketplace.rewards.views.wishes import wish

app_name = "rewards"

urlpatterns = [
    path("", views.home, name="home"),
    path("redeem/", views.confirm, name="confirm"),
    path("redeemed/<uuid:key>/", views.redemption, name="redemption"),
    path("redeemed/<uuid:key>/cancel/", views.cancel_all, name="cancel_all"),
    path("tickets/", views.tickets, name="tickets"),
    path("kept/", kept, name="kept"),
    path("again/<id:pk>/", wish, name="wish"),
    path("t/<slug:code>/", views.ticket, name="ticket"),
    path("t/<slug:code>/cancel/", views.cancel, name="cancel"),
    re_path(r"^T/(?P<code>[A-Za-z0-9]{1,40})/?$", views.ticket_by_qr, name="ticket_by_qr"),
    path("me/points/", views.statement, name="statement"),
    path("me/points/<id:pk>/receipt.json", views.receipt, name="receipt"),
]
