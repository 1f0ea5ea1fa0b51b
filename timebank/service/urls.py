"""Doors of the service app."""

from __future__ import annotations

from django.urls import path

from timebank.service.views import activities, by_name, hours, lead, mending, notices, planning, schemes, teams

app_name = "service"
urlpatterns = [
    path("activities/", activities.activity_list, name="activities"),
    path("activities/<id:pk>/", activities.activity_page, name="activity"),
    path("activities/<id:pk>/sign-up/", activities.sign_up, name="sign_up"),
    path("activities/<id:pk>/calendar.ics", activities.calendar, name="activity_calendar"),
    path("activities/<id:pk>/withdraw/", activities.withdraw, name="withdraw"),
    # The QR spells its address in capitals, which takes fewer dots.
    path("in/<str:token>/", activities.attend, name="attend"),
    path("IN/<str:token>/", activities.attend),
    path("me/hours/", hours.hours, name="hours"),
    path("me/hours/<id:pk>/", hours.record, name="record"),
    path("me/hours/<id:pk>/name/", hours.name_on_lists, name="record_name"),
    path("me/hours/<id:pk>/mend/", mending.mend, name="record_mend"),
    path("me/hours/<id:pk>/reverse/", mending.reverse_hours, name="record_reverse"),
    path("lead/hours/", mending.enter_hours, name="lead_hours"),
    path("lead/", lead.lead_list, name="lead"),
    path("lead/new/", planning.lead_new, name="lead_new"),
    path("lead/<id:pk>/", lead.lead_activity, name="lead_activity"),
    path("lead/<id:pk>/code/", lead.code, name="lead_code"),
    path("lead/<id:pk>/tap/", lead.tap, name="lead_tap"),
    path("lead/<id:pk>/card/", lead.card, name="lead_card"),
    path("lead/<id:pk>/places/", lead.places, name="lead_places"),
    path("lead/<id:pk>/close/", lead.close, name="lead_close"),
    path("lead/<id:pk>/change/", planning.change, name="lead_change"),
    path("lead/<id:pk>/cancel/", planning.cancel, name="lead_cancel"),
    path("lead/<id:pk>/name/", by_name.by_name, name="lead_walk_in"),
    path("lead/<id:pk>/state/<id:resident_pk>/", lead.state, name="lead_state"),
    path("lead/<id:pk>/enter/", lead.enter, name="lead_enter"),
    path("teams/", teams.mine, name="my_teams"),
    path("teams/in/<id:place>/", teams.team_list, name="teams"),
    path("teams/in/<id:place>/found/", teams.team_found, name="team_found"),
    path("teams/<id:pk>/", teams.team, name="team"),
    path("teams/<id:pk>/change/", teams.change, name="team_change"),
    path("teams/<id:pk>/close/", teams.close, name="team_close"),
    path("teams/<id:pk>/members/<id:member>/end/", teams.end_member, name="team_member_end"),
    path("schemes/", schemes.scheme_list, name="schemes"),
    path("schemes/adopt/", schemes.adopt, name="scheme_adopt"),
    path("schemes/compare/", schemes.compare, name="scheme_compare"),
    path("schemes/import/", schemes.import_table, name="scheme_import"),
    path("schemes/<slug:slug>/<id:number>/", schemes.scheme, name="scheme"),
    path("schemes/<slug:slug>/<id:number>/copy/", schemes.copy, name="scheme_copy"),
    path("schemes/<slug:slug>/<id:number>/approve/", schemes.approve, name="scheme_approve"),
    path("schemes/<slug:slug>/<id:number>/discard/", schemes.discard, name="scheme_discard"),
    path("schemes/<slug:slug>/<id:number>/simulate/", schemes.simulation, name="scheme_simulate"),
    path("schemes/<slug:slug>/<id:number>/rules/new/", schemes.new_rule, name="scheme_new_rule"),
    path("schemes/<slug:slug>/<id:number>/rules/<str:code>/", schemes.rule, name="scheme_rule"),
    path("notice/", notices.notice_home, name="notices"),
    path("notice/<id:pk>/", notices.notice, name="notice"),
    path("notice/<id:pk>/print/", notices.notice_print, name="notice_print"),
    path("notice/<id:pk>/<id:record_pk>/object/", notices.objection, name="object"),
]
