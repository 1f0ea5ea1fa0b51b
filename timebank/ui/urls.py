from __future__ import annotations

from django.urls import path

from timebank.ui import views

app_name = "ui"

urlpatterns = [
    path("preferences/language/", views.set_language, name="language"),
    path("preferences/size/", views.set_size, name="size"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
