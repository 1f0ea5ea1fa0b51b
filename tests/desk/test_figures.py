"""A figure that stands on two pages is the same on both: the tile, the tab, the list, the file, the public page."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from django.urls import reverse
from django.utils import timezone

from marketplace.partner.services import create_partner
from marketplace.rewards.services import transfers
from tests.desk.test_desk import table, url
from tests.factories.desk import objection
from tests.factories.service import at
from timebank.registry import services as registry
from timebank.registry.models import Resident, User

TILE = re.compile(r'tile__label">(?:<a href="([^"]*)"[^>]*>)?([^<]+)<.*?tile__value[^"]*">([^<]*)<', re.S)


def tiles(client: Any) -> dict[str, tuple[str, str]]:
    """Return the tiles of the desk's home: their figure, and where they lead, by their label."""
    page = client.get(url("home")).content.decode()
    return {label: (value, urljoin(url("home"), unescape(href))) for href, label, value in TILE.findall(page)}


def listed(client: Any, href: str) -> int:
    """Count what a page of the desk lists."""
    return int(client.get(href).context["page"].paginator.count)


@pytest.fixture
def lively(village: Any) -> Any:
    """Something of everything: waiting, verified, on notice, doubted; applied, active, left."""
    world = village.world
    doubted, _clear = world.published(world.resident(), world.resident())
    objection(village, doubted)
    world.verified(world.wang, starts_at=at(21), ends_at=at(21, 12))
    world.attended(world.li, starts_at=at(22), ends_at=at(22, 12))
    village.newcomer()
    gone = world.resident("走了")
    Resident.objects.filter(pk=gone.pk).update(status=Resident.Status.CLOSED, closed_at=timezone.now())
    return village


def disagreements(client: Any, village: Any) -> list[str]:
    """Compare each figure wherever it stands; return those that differ."""
    shown = tiles(client)
    notice = client.get(url("notice")).context
    public = client.get(reverse("service:notice", args=[village.place.pk])).context
    hung = sum(row.count for row in notice["page"].object_list)
    verified = url("verify", which="verified")
    figures: dict[str, list[object]] = {
        "To verify": [listed(client, shown["To verify"][1]), tab(client, "To verify")],
        "Ready for notice": [
            listed(client, verified),
            tab(client, "Verified"),
            sum(count for _village, count, *_rest in notice["ready"]),
            client.get(url("publish", village=village.place.pk)).context["preview"].records,
        ],
        "On public notice": [len(public["rows"]), sum(one.count for one in public["lists"]), hung],
        "Open objections": [len(notice["objections"])],
        "Residents": [listed(client, shown["Residents"][1])],
        "Want to join": [listed(client, shown["Want to join"][1])],
    }
    return [
        f"{label}: {shown[label][0]} on the tile, {others} elsewhere"
        for label, others in figures.items()
        if {str(other) for other in others} != {shown[label][0]}
    ]


def tab(client: Any, label: str) -> int:
    return next(int(one["count"]) for one in client.get(url("verify")).context["tabs"] if str(one["label"]) == label)


def test_a_figure_is_the_same_wherever_it_stands(lively: Any, enter: Any) -> None:
    client = enter(lively.admin)
    assert disagreements(client, lively) == []
    assert {label: value for label, (value, _href) in tiles(client).items()}["On public notice"] == "2"
    rows = table(client.get(url("residents", status="active", format="csv", why="核对")))
    assert str(len(rows) - 1) == tiles(client)["Residents"][0]


def test_control_a_tile_that_counts_otherwise_is_found(
    lively: Any, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketplace.desk import tiles as desk_tiles
    from timebank.service.models import Record

    monkeypatch.setattr(desk_tiles, "on_notice_now", lambda: Record.objects.filter(state="published"))
    (wrong,) = disagreements(enter(lively.admin), lively)
    assert wrong.startswith("On public notice: 1 on the tile")


def test_what_nobody_counts_is_seen_at_both_ends(village: Any, enter: Any, client: Any) -> None:
    """A sending stayed on its way for ever without anybody knowing."""
    world = village.world
    soap = village.good("香皂", stock=20)
    shop = create_partner(name="周家店", village=world.other)
    far_keeper = User.objects.create_user(name="周家保管", email="far@console.example", password="a-long-password")
    registry.grant_role(user=far_keeper, role="stock_keeper", actor=None, region=world.other)
    now = timezone.now()
    send = partial(transfers.send_stock, stockrecord=soap, target=shop, actor=village.keeper)
    for days in (30, 8, 6):
        send(quantity=1, now=now - dt.timedelta(days=days))
    counted = send(quantity=2, now=now - dt.timedelta(days=20))
    transfers.receive_transfer(transfer=counted, counted=2, actor=far_keeper)
    for keeper in (village.keeper, far_keeper):
        desk = enter(keeper)
        value, href = tiles(desk)["Sent long ago, not counted"]
        assert (value, listed(desk, href)) == ("2", 2)
        page = desk.get(href)
        assert [row.sent_at for row, _ours in page.context["rows"]] == [
            now - dt.timedelta(days=30),
            now - dt.timedelta(days=8),
        ]
    assert "Sent long ago, not counted" not in tiles(enter(village.admin))
