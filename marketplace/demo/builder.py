"""Three months of two towns, told day by day through the public services, from a fixed seed."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from marketplace.demo import people, places
from timebank.policy import services as policy
from timebank.policy.models import SchemeVersion
from timebank.policy.questions import questions_of
from timebank.registry import services as registry
from timebank.registry.models import Region, Resident, User
from timebank.service import services as service
from timebank.service.errors import ServiceError
from timebank.service.models import Activity, Record, Team

DAYS = 91
TICK = Callable[[str], None]


@dataclass
class Village:
    """A village of the demo and those who keep it running."""

    region: Region
    admin: User
    leader: User
    team: Team
    residents: list[Resident] = field(default_factory=list)
    zeal: dict[int, float] = field(default_factory=dict)
    # Of the supervision committee: looks at what the admin registered and the leader led.
    supervisor: User | None = None
    stock_keeper: User | None = None
    clerk: User | None = None

    @property
    def has_market(self) -> bool:
        return self.stock_keeper is not None


class DemoBuilder:
    """The demo under way: who exists already, what day it is, what chance says."""

    def __init__(self, *, seed: int, scale: int, now: dt.datetime, tick: TICK, days: int = DAYS) -> None:
        self.rng = random.Random(seed)
        self.scale = scale
        self.length = days
        self.now = now
        self.zone = ZoneInfo(settings.TIME_ZONE)
        self.today = now.astimezone(self.zone).date()
        self.first_day = self.today - dt.timedelta(days=days)
        self.names = people.names(self.rng)
        self.tick = tick
        self.villages: list[Village] = []
        self.users: dict[str, User] = {}
        self.cast: dict[str, Resident] = {}
        self.by_day: dict[dt.date, list[tuple[Village, Activity, list[Resident]]]] = defaultdict(list)

    def time_on(self, day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
        """Return a moment of a day in the village, never later than now."""
        return min(dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone), self.now)

    # -- Places and people ---------------------------------------------------------------------------------------------
    def load_places(self) -> None:
        """Load regions and schemes, appoint the towns, open the villages."""
        if not Region.objects.exists():
            with as_file(files("timebank.registry") / "data" / "divisions.csv") as path:
                call_command("import_regions", str(path), verbosity=0)
        policy.load_published()
        begin = self.time_on(self.first_day - dt.timedelta(days=30), 9)
        operator = User.objects.create_user(
            name=people.OPERATOR.name,
            username=people.OPERATOR.username,
            phone=people.OPERATOR.phone,
            email="operator@shanji.example",
            password=people.PASSWORD,
            is_staff=True,
            is_superuser=True,
        )
        self.users["operator"] = operator
        county = Region.objects.get(code=places.COUNTY)
        service.adopt_scheme(
            region=county,
            slug=places.COUNTY_SCHEME,
            since=dt.date(self.first_day.year, 1, 1),
            actor=None,
            reason="威文办发〔2019〕20号",
            now=begin,
        )
        for person, role, code in (
            (people.CITY_ADMIN, "city_admin", places.CITY),
            (people.TOWN_ADMIN, "town_admin", places.ZEKU),
            (people.AUDITOR, "auditor", places.COUNTY),
        ):
            user = self.sign_in_for(person)
            registry.grant_role(user=user, role=role, actor=operator, region=Region.objects.get(code=code), now=begin)
        for town in (places.ZEKU, places.GAOCUN):
            inside = Region.objects.get_children(Region.objects.get(code=town)).filter(is_active=True).order_by("code")
            if town == places.GAOCUN:
                joined = list(inside.values_list("code", flat=True)[: places.JOINED])
                inside = inside.filter(code__in=[*joined, places.TIERS])
            for region in inside:
                with transaction.atomic():
                    self.villages.append(self._found_village(region, begin))
                self.tick(region.short_name)
        self._adopt(begin)
        # The home village first: its people are the cast, and chance must not depend on the order of codes.
        self.villages.sort(key=lambda village: (village.region.code != places.HOME, village.region.code))

    def _adopt(self, begin: dt.datetime) -> None:
        """Let the town take a published table, and the home village a scheme of its own that the town approved."""
        day = begin.date()
        town = self.users[people.TOWN_ADMIN.key]
        for code in (places.ZEKU, places.GAOCUN):
            service.adopt_scheme(
                region=Region.objects.get(code=code),
                slug=places.TOWN_SCHEME,
                since=day,
                actor=town if code == places.ZEKU else self.users[people.CITY_ADMIN.key],
                reason="镇志愿服务联席会议：一小时一分，大家算得清",
                now=begin,
            )
        for village in self.villages:
            if village.region.code == places.TIERS:
                service.adopt_scheme(
                    region=village.region,
                    slug=places.COUNTY_SCHEME,
                    since=day,
                    actor=village.admin,
                    reason="村民会议：仍按区里的办法",
                    now=begin,
                )
        home = next(village for village in self.villages if village.region.code == places.HOME)
        version = policy.copy_version(
            version=SchemeVersion.objects.get(scheme__slug=places.COUNTY_SCHEME, status="approved"),
            actor=home.admin,
            name=places.OWN_SCHEME,
            region=home.region,
            effective_from=day,
            reason="村民代表会议：按小时记分，零头也算",
        )
        for code in ("village_hours", "district_hours"):
            version = policy.remove_rule(version=version, code=code, actor=home.admin)
        version = policy.add_rule(version=version, row=places.OWN_HOURS, actor=home.admin)
        open_ = questions_of(version.content(), version.questions)
        answers = {item.key: "parts" if item.key.startswith("parts") else item.preselected for item in open_}
        version = policy.approve_version(
            version=version, approved_as=f"{town.name}（泽库镇）", answers=answers, actor=town, now=begin
        )
        service.adopt_scheme(
            region=home.region, slug=version.scheme.slug, since=day, actor=home.admin, reason=version.reason, now=begin
        )

    def sign_in_for(self, person: people.Person) -> User:
        """Give one of the cast a sign-in that the demo's sign-in page offers."""
        user = User.objects.create_user(
            name=person.name, username=person.username, phone=person.phone, password=people.PASSWORD
        )
        self.users[person.key] = user
        return user

    def _found_village(self, region: Region, begin: dt.datetime) -> Village:
        operator = self.users["operator"]
        home = region.code == places.HOME
        market = region.code in places.MARKET_VILLAGES
        admin = self._person(people.VILLAGE_ADMIN if home else None)
        leader = self._person(people.LEADER if home else None)
        registry.grant_role(user=admin, role="village_admin", actor=operator, region=region, now=begin)
        registry.grant_role(user=leader, role="leader", actor=admin, region=region, now=begin)
        team = service.create_team(
            region=region, name=f"{region.short_name}志愿服务队", leader=leader, actor=admin, now=begin
        )
        village = Village(region=region, admin=admin, leader=leader, team=team)
        if market:
            village.stock_keeper = self._person(people.STOCK_KEEPER if home else None)
            village.clerk = self._person(people.CLERK if home else None)
            registry.grant_role(user=village.stock_keeper, role="stock_keeper", actor=admin, region=region, now=begin)
            registry.grant_role(user=village.clerk, role="clerk", actor=admin, region=region, now=begin)
        village.supervisor = self._person(people.SUPERVISOR if home else None)
        registry.grant_role(user=village.supervisor, role="supervisor", actor=operator, region=region, now=begin)
        self._register(village, begin, (24 if home else 14 if market else 5) * self.scale)
        return village

    def _person(self, person: people.Person | None) -> User:
        """Return somebody of the village who signs in: one of the cast, or an invented neighbour without a sign-in."""
        if person is not None:
            return self.sign_in_for(person)
        return User.objects.create_user(name=next(self.names))

    def _register(self, village: Village, begin: dt.datetime, count: int) -> None:
        region, admin = village.region, village.admin
        home = region.code == places.HOME
        registered: list[Resident] = []
        if home:
            for person in (people.RESIDENT, people.NEPHEW, people.GRANDMOTHER):
                household = "枣家" if person.name.startswith("枣") else "禾家"
                resident = registry.register_resident(
                    village=region,
                    name=person.name,
                    actor=admin,
                    phone=person.phone,
                    password=people.PASSWORD if person.phone else None,
                    username=person.username if person.phone else "",
                    birth_date=self._birthday(person.age),
                    household_number=household,
                    consent_on_paper=not person.phone,
                    now=begin,
                )
                self.cast[person.key] = resident
                registered.append(resident)
            for key in ("resident", "grandmother"):
                registry.issue_card(resident=self.cast[key], actor=admin, pin=people.CARD_PIN, now=begin)
            registry.add_proxy(
                resident=self.cast["grandmother"],
                helper=self.cast["nephew"].user,
                relation="kin",
                actor=admin,
                now=begin,
            )
        while len(registered) < count:
            number = len(registered) // 2 + 1
            resident = registry.register_resident(
                village=region,
                name=next(self.names),
                actor=admin,
                birth_date=self._birthday(self.rng.choice([34, 45, 52, 58, 63, 66, 69, 72, 77, 81])),
                household_number=f"{number:03d}",
                consent_on_paper=True,
                now=begin,
            )
            registered.append(resident)
        village.residents = registered
        for resident in registered:
            village.zeal[resident.pk] = self.rng.choice([0.15, 0.3, 0.45, 0.6, 0.9])
        if home:
            village.zeal[self.cast["resident"].pk] = 1.0
            village.zeal[self.cast["grandmother"].pk] = 0.5

    def _birthday(self, age: int) -> dt.date:
        return dt.date(self.today.year - age, self.rng.randint(1, 12), self.rng.randint(1, 28))

    # -- Service -------------------------------------------------------------------------------------------------------
    def plan(self) -> None:
        """Decide which occasions take place when: many in the market villages, one in a while elsewhere."""
        self.planned: dict[dt.date, list[tuple[Village, places.Occasion]]] = defaultdict(list)
        for village in self.villages:
            home = village.region.code == places.HOME
            every = 2 if home else 5 if village.has_market else 22
            day = self.first_day + dt.timedelta(days=self.rng.randint(0, every))
            turn = self.rng.randint(0, len(places.OCCASIONS) - 1)
            while day <= self.today + dt.timedelta(days=9):
                self.planned[day].append((village, places.OCCASIONS[turn % len(places.OCCASIONS)]))
                turn += 1
                day += dt.timedelta(days=every)
            if home:
                # What the new visitor can do at once: tomorrow's clean-up has places, whatever else was planned.
                tomorrow = self.today + dt.timedelta(days=1)
                others = [(where, what) for where, what in self.planned[tomorrow] if where is not village]
                self.planned[tomorrow] = [*others, (village, places.CLEAN)]

    def days(self) -> Iterator[dt.date]:
        """Yield the days of the story, oldest first."""
        for offset in range(self.length + 1):
            yield self.first_day + dt.timedelta(days=offset)

    def hold(self, day: dt.date) -> None:
        """Let the day's occasions take place: opened, signed up for, attended and closed, one transaction each."""
        for village, occasion in self.planned.get(day, ()):
            with transaction.atomic():
                self._hold(village, occasion, day)

    def _hold(self, village: Village, occasion: places.Occasion, day: dt.date) -> None:
        start = dt.datetime(day.year, day.month, day.day, occasion.hour, tzinfo=self.zone)
        end = start + dt.timedelta(minutes=occasion.minutes)
        opened = min(start - dt.timedelta(days=4), self.now - dt.timedelta(minutes=30))
        activity = service.open_activity(
            team=village.team,
            title=occasion.title,
            category=occasion.category,
            place=occasion.place,
            starts_at=start,
            ends_at=end,
            capacity=occasion.capacity,
            actor=village.leader,
            now=opened,
        )
        willing = [r for r in village.residents if self.rng.random() < village.zeal[r.pk]]
        upcoming = end > self.now
        headroom = occasion.capacity - (3 if upcoming else 0)
        if upcoming:
            willing = [r for r in willing if r.pk != getattr(self.cast.get("resident"), "pk", None)]
        going = willing[:headroom]
        for resident in going:
            service.sign_up(activity=activity, resident=resident, actor=resident.user or village.leader, now=opened)
        if upcoming:
            return
        keen = self.cast.get("resident")
        for resident in going:
            if resident != keen and self.rng.random() < 0.06:
                continue  # did not come
            arrived = start + dt.timedelta(minutes=self.rng.choice([-5, -2, 0, 0, 3, 8]))
            service.check_in(activity=activity, resident=resident, actor=village.leader, method="list", now=arrived)
            if resident == keen or self.rng.random() > 0.05:
                left = end + dt.timedelta(minutes=self.rng.choice([-20, -10, 0, 0, 2, 5]) if resident != keen else 0)
                service.check_out(activity=activity, resident=resident, actor=village.leader, method="list", now=left)
        service.close_activity(activity=activity, actor=village.leader, now=end + dt.timedelta(minutes=15))

    def enter_records(self, day: dt.date) -> None:
        """Enter paper slips on Sundays: a neighbour helped, an own machine brought, a bench mended."""
        if day.weekday() != 6:
            return
        now = self.time_on(day, 18)
        for village in self.villages:
            if not village.has_market:
                continue
            keen = [self.cast["resident"]] if village is self.villages[0] else []
            for resident in [*keen, *self.rng.sample(village.residents, 2 + 2 * bool(keen))]:
                category, minutes, title = self.rng.choice(places.DEEDS)
                with transaction.atomic():
                    try:
                        service.enter_record(
                            resident=resident,
                            category=category,
                            served_on=day,
                            minutes=minutes,
                            title=title,
                            actor=village.leader,
                            reason="纸质登记单",
                            now=now,
                        )
                    except ServiceError:
                        continue  # the same hours stand already: that is what the check is for

    def verify(self, day: dt.date) -> None:
        """Let each committee's member look at what came in; the last days are still waiting in the queue."""
        if day > self.today - dt.timedelta(days=3):
            return
        now = self.time_on(day, 20, 30)
        waiting: dict[int, list[Record]] = defaultdict(list)
        for record in Record.objects.filter(state=Record.State.SUBMITTED).order_by("pk"):
            waiting[record.village_id].append(record)
        for village in self.villages:
            if village.region.pk not in waiting:
                continue
            supervisor = village.supervisor
            assert supervisor is not None  # noqa: S101
            with transaction.atomic():
                odd = [record for record in waiting[village.region.pk] if self.rng.random() < 0.02]
                for record in odd:
                    service.return_record(
                        record=record, actor=supervisor, reason="签退时间与领队名单不符，请核对", now=now
                    )
                good = [record for record in waiting[village.region.pk] if record not in odd]
                service.verify_many(records=good, actor=supervisor, now=now)

    def publish_and_credit(self, day: dt.date) -> None:
        """On Mondays publish what is verified and credit what has been public long enough."""
        if day.weekday() != 0 and day != self.today - dt.timedelta(days=2):
            return
        now = self.time_on(day, 9)
        service.credit_due(now=now)
        verified = set(Record.objects.filter(state=Record.State.VERIFIED).values_list("village_id", flat=True))
        for village in self.villages:
            if village.region.pk in verified:
                service.publish_notice(village=village.region, actor=village.admin, now=now)

    def prepare_tomorrow(self) -> None:
        """Open what takes place in the coming days, with places left for whoever tries the demo."""
        for offset in range(1, 10):
            self.hold(self.today + dt.timedelta(days=offset))
