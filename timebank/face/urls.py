from __future__ import annotations

from django.urls import path

from timebank.face import views

app_name = "face"

urlpatterns = [
    path("preferences/language/", views.set_language, name="language"),
    path("preferences/size/", views.set_size, name="size"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("kit/", views.kit, name="kit"),
    path("kit/desk/", views.kit_desk, name="kit_desk"),
    path("kit/print/", views.kit_print, name="kit_print"),
    path("kit/error/<int:code>/", views.kit_error, name="kit_error"),
]
