from __future__ import annotations

from django.urls import path

from timebank.messages import views

app_name = "inbox"

urlpatterns = [
    path("me/messages/", views.messages_page, name="messages"),
    path("me/messages/channels/", views.channels, name="channels"),
    path("me/messages/seen/", views.all_seen, name="all_seen"),
    path("me/messages/<id:pk>/seen/", views.seen, name="seen"),
]
