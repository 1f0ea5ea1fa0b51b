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
    path("me/security/", views.security.security, name="security"),
    path("me/security/code/", views.security.set_up_factor, name="set_up_factor"),
    path("me/security/codes/", views.security.recovery_codes, name="recovery_codes"),
    path("me/security/pin/", views.security.staff_pin, name="staff_pin"),
    path("me/security/device/", views.security.ask_device, name="ask_device"),
    path("me/security/sign-out/", views.security.sign_out_everywhere, name="sign_out_everywhere"),
    path("me/looks/", views.looks.my_looks, name="my_looks"),
    path("sign-in/code/", views.security.factor, name="factor"),
    path("me/card/", views.my_card, name="my_card"),
    path("me/card/pin/", views.my_pin, name="my_pin"),
    path("me/card/block/", views.block_my_card, name="block_my_card"),
    path("me/helpers/", views.helpers, name="helpers"),
    path("me/helpers/asked/<id:pk>/", views.answer_helper, name="answer_helper"),
    path("me/helpers/<id:pk>/end/", views.end_helper, name="end_helper"),
    path("me/export.<str:form>", views.export, name="export"),
    path("me/leave/", views.leave, name="leave"),
    path("acting/", views.acting, name="acting"),
    path("card/<id:pk>/print/", views.card_print, name="card_print"),
    path("me/correction/", views.people.corrections.my_correction, name="my_correction"),
    path("people/helpers/<id:pk>/confirm/", views.people.office.confirm_helper, name="confirm_helper"),
    path("people/<id:pk>/confirm/", views.people.office.confirm, name="confirm_resident"),
    path("people/<id:pk>/move/", views.people.office.move, name="move_resident"),
    path("people/<id:pk>/sign-in/", views.people.office.give_sign_in, name="give_sign_in"),
    path("people/sign-ins/<id:pk>/password/", views.people.office.reset_password, name="reset_password"),
    path("people/sign-ins/<id:pk>/code/", views.security.end_factor, name="end_factor"),
    path("people/devices/", views.security.my_devices, name="my_devices"),
    path("people/<id:place>/devices/", views.security.device_list, name="devices"),
    path("people/devices/<id:pk>/approve/", views.security.approve_device, name="approve_device"),
    path("people/devices/<id:pk>/end/", views.security.end_device, name="end_device"),
    path("people/looks/", views.looks.looks_home, name="looks_home"),
    path("people/<id:place>/looks/", views.looks.looks, name="looks"),
    path("people/<id:pk>/merge/", views.people.office.merge, name="merge_resident"),
    path("people/<id:pk>/death/", views.people.cases.death, name="resident_death"),
    path("people/<id:pk>/household/", views.people.corrections.household, name="household"),
    path("people/<id:pk>/passbook/", views.people.paper.passbook, name="passbook"),
    path("people/<id:place>/cases/", views.people.cases.case_list, name="cases"),
    path("people/cases/", views.people.cases.my_cases, name="my_cases"),
    path("people/cases/<id:pk>/", views.people.cases.case, name="case"),
    path("people/<id:place>/corrections/", views.people.corrections.correction_list, name="corrections"),
    path("people/corrections/<id:pk>/", views.people.corrections.correction, name="correction"),
    path("people/<id:place>/households/", views.people.corrections.household_list, name="households"),
    path("people/<id:place>/cards/", views.people.paper.card_sheet, name="card_sheet"),
    path("people/<id:place>/lists/", views.resident_lists, name="resident_lists"),
    path("people/lists/<id:pk>/", views.resident_list, name="resident_list"),
    path("people/lists/<id:pk>/refused.<str:form>", views.refused_rows, name="refused_rows"),
    # Upper-case letters make a smaller QR, so the printed address is in capitals.
    re_path(r"^[cC]/(?P<number>[0-9A-Za-z]{8,12})/$", views.card, name="card"),
]
