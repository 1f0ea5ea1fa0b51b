"""People and places for tests: two villages of one town, whoever works there, whoever lives there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from timebank.registry import services
from timebank.registry.models import Region, Resident, User

PASSWORD = "right-horse-7"
_count = {"phone": 0}


def new_phone() -> str:
    """Return a mobile number nobody has."""
    _count["phone"] += 1
    return f"139{_count['phone']:08d}"


def make_regions() -> SimpleNamespace:
    """Make province, city, county, two towns and three villages with true codes."""

    def below(parent: Region | None, code: str, name: str, short_name: str, level: str, kind: str = "") -> Region:
        fields = {"code": code, "name": name, "short_name": short_name, "level": level, "kind": kind}
        if parent is None:
            return Region.objects.add_root(create_kwargs=fields)
        return Region.objects.add_child(Region.objects.get(pk=parent.pk), create_kwargs=fields)

    places = SimpleNamespace()
    places.province = below(None, "370000000000", "山东省", "山东省", "province")
    places.city = below(places.province, "371000000000", "威海市", "威海市", "city")
    places.county = below(places.city, "371003000000", "文登区", "文登区", "county", "市辖区")
    places.town = below(places.county, "371003104000", "泽库镇", "泽库镇", "town", "镇")
    places.other_town = below(places.county, "371003103000", "高村镇", "高村镇", "town", "镇")
    places.village = below(places.town, "371003104204", "辛旺庄村委会", "辛旺庄", "village", "村委会")
    places.sister = below(places.town, "371003104215", "周家村委会", "周家", "village", "村委会")
    places.stranger = below(places.other_town, "371003103216", "墩后村委会", "墩后", "village", "村委会")
    for region in vars(places).values():
        region.refresh_from_db()
    return places


def make_staff(role: str, region: Region | None = None, organisation: Any = None, name: str = "") -> User:
    """Make a person who signs in and has one role."""
    user = services.create_user(name=name or role, actor=None, phone=new_phone(), password=PASSWORD)
    services.grant_role(user=user, role=role, actor=None, region=region, organisation=organisation)
    return user


def make_resident(village: Region, name: str = "于大姐", *, signs_in: bool = True, **more: Any) -> Resident:
    """Make an active resident, with a sign-in unless told otherwise."""
    if signs_in:
        more = {"phone": new_phone(), "password": PASSWORD, **more}
    return services.register_resident(village=village, name=name, actor=None, **more)
