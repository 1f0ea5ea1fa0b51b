"""Doors of the registry."""

from __future__ import annotations

from django.urls import path, re_path

from timebank.registry import views

app_name = "registry"
urlpatterns = [
    path("sign-in/", views.SignInView.as_view(), name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("register/", views.join, name="register"),
    path("me/", views.me, name="me"),
    path("me/profile/", views.profile, name="profile"),
    path("me/password/", views.password, name="password"),
    path("me/card/", views.my_card, name="my_card"),
    path("me/card/pin/", views.my_pin, name="my_pin"),
    path("me/card/block/", views.block_my_card, name="block_my_card"),
    path("me/helpers/", views.helpers, name="helpers"),
    path("me/helpers/<id:pk>/end/", views.end_helper, name="end_helper"),
    path("me/export.<str:form>", views.export, name="export"),
    path("me/leave/", views.leave, name="leave"),
    path("acting/", views.acting, name="acting"),
    path("card/<id:pk>/print/", views.card_print, name="card_print"),
    path("people/<id:place>/lists/", views.resident_lists, name="resident_lists"),
    path("people/lists/<id:pk>/", views.resident_list, name="resident_list"),
    path("people/lists/<id:pk>/refused.<str:form>", views.refused_rows, name="refused_rows"),
    # Upper-case letters make a smaller QR, so the printed address is in capitals.
    re_path(r"^[cC]/(?P<number>[0-9A-Za-z]{8,12})/$", views.card, name="card"),
]
