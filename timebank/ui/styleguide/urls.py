from __future__ import annotations

from django.urls import path

from timebank.ui.styleguide import views

app_name = "styleguide"

urlpatterns = [
    path("", views.home, name="home"),
    path("desk/", views.desk, name="desk"),
    path("print/", views.print_page, name="print"),
    path("error/<id:code>/", views.error, name="error"),
]
