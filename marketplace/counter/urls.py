"""Addresses of the counter."""

from __future__ import annotations

from django.urls import path

from marketplace.counter import views

app_name = "counter"

urlpatterns = [
    path("counter/", views.desk, name="desk"),
    path("counter/<id:pk>/", views.scan, name="scan"),
    path("counter/<id:pk>/today/", views.today, name="today"),
    path("counter/<id:pk>/waiting/", views.waiting, name="waiting"),
    path("counter/<id:pk>/undo/<slug:code>/", views.undo, name="undo"),
    path("counter/<id:pk>/card/", views.sale, name="sale"),
    path("counter/<id:pk>/receipt/<uuid:key>/", views.receipt, name="receipt"),
    path("counter/<id:pk>/receipt/<uuid:key>/undo/", views.undo_sale, name="undo_sale"),
]
