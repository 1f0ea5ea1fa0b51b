from __future__ import annotations

from django.urls import path

from timebank.ui import views

app_name = "ui"

urlpatterns = [
    path("preferences/language/", views.set_language, name="language"),
    path("preferences/size/", views.set_size, name="size"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("styleguide/", views.styleguide, name="styleguide"),
    path("styleguide/desk/", views.styleguide_desk, name="styleguide_desk"),
    path("styleguide/print/", views.styleguide_print, name="styleguide_print"),
    path("styleguide/error/<id:code>/", views.styleguide_error, name="styleguide_error"),
]
