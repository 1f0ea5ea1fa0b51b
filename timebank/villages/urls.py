from __future__ import annotations

from django.urls import path

from timebank.villages.views import founding, helping, openings, setup

app_name = "villages"

urlpatterns = [
    path("help/", helping.help_page, name="help"),
    path("setup/", setup.enter, name="setup_enter"),
    path("setup/<str:token>/", setup.places, name="setup"),
    path("setup/<str:token>/places.<str:form>", setup.places_to_fill_in, name="setup_example"),
    path("setup/<str:token>/county/", setup.county, name="setup_county"),
    path("setup/<str:token>/<id:county>/", setup.town, name="setup_town"),
    path("setup/<str:token>/<id:county>/<id:town>/", setup.finish, name="setup_finish"),
    path("villages/", founding.mine, name="mine"),
    path("villages/<id:place>/", founding.founding, name="founding"),
    path("villages/<id:place>/openings/", openings.openings, name="openings"),
    path("openings/<id:pk>/", openings.opening, name="opening"),
    path("villages/<id:place>/office/", founding.office, name="office"),
    path("villages/<id:place>/open/", founding.open_, name="open"),
    path("villages/<id:place>/appoint/<slug:role>/", founding.appoint, name="appoint"),
]
