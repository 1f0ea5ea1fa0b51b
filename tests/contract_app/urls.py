from __future__ import annotations

from django.urls import path

from tests.contract_app import views

app_name = "bees"
urlpatterns = [path("", views.hives, name="hives")]
