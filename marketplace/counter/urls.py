"""Doors of the counter."""

from __future__ import annotations

from django.urls import path

from marketplace.counter import views

app_name = "counter"

urlpatterns = [
    path("counter/", views.desk, name="desk"),
    path("counter/<int:pk>/", views.scan, name="scan"),
    path("counter/<int:pk>/today/", views.today, name="today"),
    path("counter/<int:pk>/undo/<slug:code>/", views.undo, name="undo"),
    path("counter/<int:pk>/card/", views.sale, name="sale"),
    path("counter/<int:pk>/receipt/<uuid:key>/", views.receipt, name="receipt"),
    path("counter/<int:pk>/receipt/<uuid:key>/undo/", views.undo_sale, name="undo_sale"),
]
