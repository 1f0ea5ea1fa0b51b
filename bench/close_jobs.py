"""What B7's process does: villages, people and a month of published records; then the sweeps that credit and tell."""

from __future__ import annotations

import datetime as dt
import random
import resource
import time
from collections import Counter
from typing import Any

SLUG, CATEGORIES, SEED = "wendeng-rural", ("clean", "elder", "sorting"), 20260101
FIRST = dt.date(2026, 1, 5)
CHUNK = 5000
state: dict[str, Any] = {}


def setup() -> None:
    """Start the application; what a commit starts is started by the loop of ``close``."""
    import django

    django.setup()
    from django.conf import settings

    from settings.celery import app

    settings.CELERY_TASK_ALWAYS_EAGER = False
    app.conf.update(broker_url="memory://", task_ignore_result=True)


def migrate() -> None:
    """Make all tables."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def digest() -> str:
    """Return what names the state of all migrations."""
    from tests.support import databases

    return databases.digest()


def prepare(villages: int, people: int) -> None:
    """Open villages under one county's adopted scheme, and register volunteers there with wallets and sign-ins."""
    from django.utils import timezone

    from timebank.ledger import services as ledger
    from timebank.policy.services import load_published
    from timebank.registry import services as registry
    from timebank.registry.models import Region, Resident, User
    from timebank.service.services import adopt_scheme

    load_published()
    county = Region.objects.add_root({"code": "379903000000", "name": "县", "short_name": "县", "level": "county"})
    town = Region.objects.add_child(county, {"code": "379903100000", "name": "镇", "short_name": "镇", "level": "town"})
    adopt_scheme(region=county, slug=SLUG, since=dt.date(2020, 1, 1), actor=None)
    places = []
    for number in range(villages):
        code, name = f"3799031{number + 1:05d}", f"村{number + 1}"
        facts = {"code": code, "name": name, "short_name": name, "level": "village"}
        places.append(Region.objects.add_child(Region.objects.get(pk=town.pk), facts))
        registry.open_village_accounts(village=places[-1])
    clerk, verifier = (User.objects.create_user(name=name) for name in ("录入", "核实"))
    users = User.objects.bulk_create(
        [User(username=f"bench{n}", phone=f"150{n:08d}", name=f"志愿者{n}", password="!") for n in range(people)],
        batch_size=CHUNK,
    )
    now = timezone.now()
    residents = Resident.objects.bulk_create(
        [
            Resident(
                user=user, name=user.name, volunteer_number=f"2{n:09d}", village=places[n % villages], created_at=now
            )
            for n, user in enumerate(users)
        ],
        batch_size=CHUNK,
    )
    for first in range(0, people, CHUNK):
        ledger.open_accounts(
            accounts=[
                ledger.NewAccount(
                    one.wallet_key,
                    "wallet",
                    owner=f"resident:{one.pk}",
                    expires_to=f"expired:region:{one.village_id}",
                )
                for one in residents[first : first + CHUNK]
            ]
        )
    state["people"] = [(one.pk, one.village_id) for one in residents]
    state["clerk"], state["verifier"] = clerk.pk, verifier.pk


def publish(records: int, month: int) -> int:
    """Put a month of verified records on a notice that is over; return how many are due now."""
    from django.utils import timezone

    from timebank.service.models import Record
    from timebank.service.selectors.records import due_for_credit

    rng = random.Random(f"{SEED} {month}")
    now = timezone.now()
    first = FIRST + dt.timedelta(days=28 * month)
    noon = dt.datetime.combine(first, dt.time(4), tzinfo=dt.UTC)
    people = state["people"]
    for begun in range(0, records, CHUNK):
        rows = []
        for number in range(begun, min(begun + CHUNK, records)):
            resident, village = people[number % len(people)]
            ahead = dt.timedelta(days=number // len(people))
            minutes = rng.randrange(60, 300, 30)
            start = noon + ahead
            rows.append(
                Record(
                    resident_id=resident,
                    village_id=village,
                    category_id=rng.choice(CATEGORIES),
                    source=Record.Source.ENTERED,
                    title="清洁村庄",
                    served_on=first + ahead,
                    started_at=start,
                    ended_at=start + dt.timedelta(minutes=minutes),
                    minutes=minutes,
                    state=Record.State.PUBLISHED,
                    entered_by_id=state["clerk"],
                    verified_by_id=state["verifier"],
                    verified_at=now - dt.timedelta(days=9),
                    notice_from=now - dt.timedelta(days=8),
                    notice_until=now - dt.timedelta(days=1),
                )
            )
        Record.objects.bulk_create(rows, batch_size=1000)
    return due_for_credit(now).count()


def close() -> dict[str, Any]:
    """Run the sweeps that credit and that tell until nothing is due; return what they did and the seconds it took."""
    from timebank.common import events, sweeps
    from timebank.service.services.credit import CREDIT

    began, steps = time.perf_counter(), Counter[str]()
    counts = Counter[str]()
    for sweep in (CREDIT, events.DELIVER):
        before = time.perf_counter()
        while True:
            report = sweeps.run(sweep)
            counts["failed"] += report.failed
            if sweep is CREDIT:
                counts["credited"] += sum(part.credited for part in report.results)
                counts["points"] += sum(part.points for part in report.results)
            if not report.handled:
                break
        steps[sweep.name] += time.perf_counter() - before
    seconds = time.perf_counter() - began
    return {**counts, "seconds": seconds, "steps": dict(steps), "peak": peak()}


def seal_rest() -> None:
    """Seal what waits, as the minute's sweep does meanwhile."""
    from timebank.ledger import services

    services.seal_all()


def profile() -> dict[str, Any]:
    """Close once more under a profiler; return what ``profiled`` does, and what closing returns."""
    from bench.profiling import profiled

    return profiled(close)


def peak() -> float:
    """Return the most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
