"""Teams: founded with their squads, handed to another leader, joined and left, closed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories.service import World
from timebank.registry import services as registry
from timebank.registry.errors import NotAllowed, OtherName
from timebank.registry.models import AuditEntry, User
from timebank.service import errors, rules
from timebank.service.models import Team, TeamMember
from timebank.service.services import teams

pytestmark = pytest.mark.django_db
PASSWORD = "right-horse-7"


def page_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="timebank.registry.backends.PhoneCardOrEmailBackend")
    return client


def found(world: World, **more: object) -> Team:
    given = {
        "region": world.village,
        "name": "新队",
        "leader_name": "王队长",
        "leader_phone": "13700000001",
        "leader_password": PASSWORD,
        "squads": ["助老队", " 卫生队 ", "", "助老队"],
        "actor": world.admin,
    }
    return teams.found_team(**{**given, **more})  # type: ignore[arg-type]


def test_a_team_is_founded_with_its_squads_and_a_leader_who_can_sign_in(world: World) -> None:
    team = found(world)
    assert sorted(team.children.values_list("name", flat=True)) == ["助老队", "卫生队"]
    assert team.leader.phone == "13700000001"
    assert rules.leads(team.leader, team, world.village)
    with pytest.raises(errors.TeamNameTaken):
        found(world, squads=[], leader_name="王队长")
    with pytest.raises(OtherName):
        found(world, name="又一队", leader_name="李某")
    with pytest.raises(NotAllowed):
        found(world, name="外村", actor=world.stranger)


def test_the_page_offers_the_usual_squads_and_founds_once(world: World) -> None:
    client = page_of(world.admin)
    address = reverse("service:team_found", args=[world.village.pk])
    shown = client.get(address)
    assert "Help for elders squad" in shown.content.decode()
    key = shown.context["form"]["idempotency_key"].value()
    form = {
        "name": "志愿总队",
        "squads": "一队\n二队",
        "leader_name": "王队长",
        "leader_phone": "13700000002",
        "leader_password": PASSWORD,
        "idempotency_key": key,
    }
    for _again in range(2):
        assert client.post(address, form).status_code == 302
    assert Team.objects.filter(name="志愿总队").count() == 1
    assert Team.objects.filter(parent__name="志愿总队").count() == 2


def test_the_leader_hands_the_team_over(world: World) -> None:
    team, after = found(world), User.objects.create_user(name="李接班", phone="13700000003", password=PASSWORD)
    before = team.leader
    with pytest.raises(NotAllowed):
        teams.change_team(team=team, name="x", leader_name="李接班", leader_phone="13700000003", actor=world.wang.user)
    changed = teams.change_team(team=team, name="新队", leader_name="李接班", leader_phone="13700000003", actor=before)
    assert changed.leader == after
    assert not rules.leads(before, changed, world.village)
    assert AuditEntry.objects.filter(action="change_team", subject=f"team:{team.pk}").count() == 1
    teams.change_team(team=changed, name="新队", leader_name="李接班", leader_phone="13700000003", actor=after)
    assert AuditEntry.objects.filter(action="change_team", subject=f"team:{team.pk}").count() == 1


def test_members_join_once_and_leave(world: World) -> None:
    team = found(world)
    client = page_of(world.admin)
    address = reverse("service:team", args=[team.pk])
    for _again in range(2):
        client.post(address, {"number": world.wang.volunteer_number})
    member = TeamMember.objects.get(team=team)
    assert member.resident == world.wang
    assert "王秀英" in client.get(address).content.decode()
    far = world.resident("远客", village=world.far)
    with pytest.raises(errors.NotAMember):
        teams.add_member(team=team, resident=far, actor=world.admin)
    assert client.post(address, {"number": "no-such-number"}).status_code == 422
    client.post(reverse("service:team_member_end", args=[team.pk, member.pk]))
    member.refresh_from_db()
    assert member.left_at is not None
    assert page_of(world.stranger).get(address).status_code == 404
    assert page_of(world.wang.user).post(address, {"number": world.li.volunteer_number}).status_code == 404


def test_a_team_with_open_activities_stays_open(world: World) -> None:
    activity = world.activity()
    with pytest.raises(errors.HasActivities):
        teams.close_team(team=world.team, actor=world.admin)
    activity.delete()
    team = found(world)
    teams.add_member(team=team, resident=world.wang, actor=world.admin)
    page_of(world.admin).post(reverse("service:team_close", args=[team.pk]))
    assert not Team.objects.filter(status="active", parent=team).exists()
    assert TeamMember.objects.get(team=team).left_at is not None
    with pytest.raises(errors.TeamClosed):
        teams.add_member(team=team, resident=world.li, actor=world.admin)


def test_the_list_asks_as_often_for_many_teams_as_for_one(world: World, django_assert_num_queries: object) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = page_of(world.admin)
    address = reverse("service:teams", args=[world.village.pk])
    counts = []
    for squads in ([], [f"队{number}" for number in range(28)]):
        found(world, name=f"总队{len(squads)}", squads=squads)
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_team_is_part_of_another_of_its_place_or_above_and_never_of_itself(world: World) -> None:
    town_admin = User.objects.create_user(name="镇管", email="t@shanji.example", password=PASSWORD)
    registry.grant_role(user=town_admin, role="town_admin", actor=None, region=world.town)
    top = found(
        world,
        region=world.town,
        name="镇总队",
        squads=[],
        actor=town_admin,
        leader_name="张总",
        leader_phone="13700000009",
    )
    team = found(world, parent=top)
    squad = team.children.get(name="助老队")
    below = found(world, name="一组", squads=[], parent=squad)
    assert set(teams.family_of(top)) >= {top.pk, team.pk, squad.pk, below.pk}
    says = {"leader_name": "王队长", "leader_phone": "13700000001", "actor": world.admin}
    for parent in (team, squad, below):
        with pytest.raises(errors.NotAParent):
            teams.change_team(team=team, name=team.name, parent=parent, **says)
    outside = Team.objects.create(region=world.other, name="邻村队", leader=world.stranger)
    with pytest.raises(errors.NotAParent):
        found(world, name="错", squads=[], parent=outside)
    page = page_of(world.admin).get(reverse("service:team_change", args=[squad.pk]))
    assert set(page.context["form"].fields["parent"].queryset) == {
        top,
        world.team,
        team,
        team.children.get(name="卫生队"),
    }
    moved = {"name": "助老队", "leader_name": "王队长", "leader_phone": "13700000001", "parent": top.pk}
    assert page_of(world.admin).post(reverse("service:team_change", args=[squad.pk]), moved).status_code == 302
    squad.refresh_from_db()
    assert squad.parent == top
    teams.close_team(team=squad, actor=world.admin)
    below.refresh_from_db()
    assert below.status == "closed"
