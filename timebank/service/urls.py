"""Doors of the service app."""

from __future__ import annotations

from django.urls import path

from timebank.service.views import activities, hours, lead, notices, schemes

app_name = "service"
urlpatterns = [
    path("activities/", activities.activity_list, name="activities"),
    path("activities/<int:pk>/", activities.activity_page, name="activity"),
    path("activities/<int:pk>/sign-up/", activities.sign_up, name="sign_up"),
    path("activities/<int:pk>/withdraw/", activities.withdraw, name="withdraw"),
    # The QR spells its address in capitals, which takes fewer dots.
    path("in/<str:token>/", activities.attend, name="attend"),
    path("IN/<str:token>/", activities.attend),
    path("me/hours/", hours.hours, name="hours"),
    path("me/hours/<int:pk>/", hours.record, name="record"),
    path("me/hours/<int:pk>/name/", hours.name_on_lists, name="record_name"),
    path("lead/", lead.lead_list, name="lead"),
    path("lead/new/", lead.lead_new, name="lead_new"),
    path("lead/<int:pk>/", lead.lead_activity, name="lead_activity"),
    path("lead/<int:pk>/code/", lead.code, name="lead_code"),
    path("lead/<int:pk>/tap/", lead.tap, name="lead_tap"),
    path("lead/<int:pk>/card/", lead.card, name="lead_card"),
    path("lead/<int:pk>/places/", lead.places, name="lead_places"),
    path("lead/<int:pk>/close/", lead.close, name="lead_close"),
    path("lead/<int:pk>/cancel/", lead.cancel, name="lead_cancel"),
    path("lead/<int:pk>/enter/", lead.enter, name="lead_enter"),
    path("schemes/", schemes.scheme_list, name="schemes"),
    path("schemes/adopt/", schemes.adopt, name="scheme_adopt"),
    path("schemes/compare/", schemes.compare, name="scheme_compare"),
    path("schemes/import/", schemes.import_table, name="scheme_import"),
    path("schemes/<slug:slug>/<int:number>/", schemes.scheme, name="scheme"),
    path("schemes/<slug:slug>/<int:number>/copy/", schemes.copy, name="scheme_copy"),
    path("schemes/<slug:slug>/<int:number>/approve/", schemes.approve, name="scheme_approve"),
    path("schemes/<slug:slug>/<int:number>/discard/", schemes.discard, name="scheme_discard"),
    path("schemes/<slug:slug>/<int:number>/rules/new/", schemes.new_rule, name="scheme_new_rule"),
    path("schemes/<slug:slug>/<int:number>/rules/<str:code>/", schemes.rule, name="scheme_rule"),
    path("notice/<int:pk>/", notices.notice, name="notice"),
    path("notice/<int:pk>/print/", notices.notice_print, name="notice_print"),
    path("notice/<int:pk>/<int:record_pk>/object/", notices.objection, name="object"),
]
