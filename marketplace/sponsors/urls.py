"""Addresses of sponsors: public, the sponsor's own, the desk's."""

from __future__ import annotations

from django.urls import path

from marketplace.sponsors.views import (
    desk_deliveries,
    desk_needs,
    desk_pledges,
    money,
    organisations,
    papers,
    portal,
    public,
)

app_name = "sponsors"
urlpatterns = [
    # Everybody
    path("needs/", public.needs, name="needs"),
    path("needs/board/", public.board, name="board"),
    path("needs/booklet/", public.booklet, name="booklet"),
    path("needs/<id:pk>/", public.need, name="need"),
    path("thanks/", public.thanks, name="thanks"),
    path("sponsors/apply/", public.apply, name="apply"),
    path("invited/<uuid:code>/", public.invited, name="invited"),
    # A sponsor's own people
    path("sponsor/", portal.home, name="home"),
    path("sponsor/profile/", portal.profile, name="profile"),
    path("sponsor/team/", portal.team, name="team"),
    path("sponsor/impact/", portal.impact, name="impact"),
    path("sponsor/pledges/new/", portal.new_pledge, name="new_pledge"),
    path("sponsor/pledges/<id:pk>/", portal.pledge, name="pledge"),
    path("sponsor/pledges/<id:pk>/pay/", money.pay, name="pay"),
    path("sponsor/needs/<id:pk>/pledge/", portal.need_pledge, name="need_pledge"),
    path("sponsor/year/<year:year>/", papers.year, name="year"),
    path("sponsors/receipts/<id:pk>/", papers.receipt, name="receipt"),
    path("sponsors/agreements/<id:pk>/", papers.agreement, name="agreement"),
    path("sponsors/files/<id:pk>/<slug:which>/", papers.signed, name="signed"),
    # The desk
    path("village/organisations/", organisations.listing, name="organisations"),
    path("village/organisations/new/", organisations.new, name="new_organisation"),
    path("village/organisations/<id:pk>/", organisations.detail, name="organisation"),
    path("village/needs/", desk_needs.needs, name="desk_needs"),
    path("village/needs/new/", desk_needs.new_need, name="new_need"),
    path("village/needs/<id:pk>/", desk_needs.need, name="desk_need"),
    path("village/pledges/", desk_pledges.pledges, name="desk_pledges"),
    path("village/pledges/<id:pk>/", desk_pledges.pledge, name="desk_pledge"),
    path("village/deliveries/", desk_deliveries.deliveries, name="deliveries"),
    path("village/deliveries/<id:pk>/", desk_deliveries.delivery, name="delivery"),
]
