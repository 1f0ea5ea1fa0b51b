"""Loading a list: its people registered in sets, a batch to a transaction, so that a stop in between loses nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from timebank.ledger import services as ledger
from timebank.registry import codes, ids
from timebank.registry.errors import ListClosed
from timebank.registry.imports.candidates import Candidate, RowRefused
from timebank.registry.imports.matching import Matcher, Question, remember_distinct
from timebank.registry.models import (
    AuditEntry,
    Consent,
    Region,
    Residence,
    Resident,
    ResidentImport,
    ResidentImportQuestion,
    ResidentImportRow,
    ResidentSource,
    User,
)
from timebank.registry.rules import REGISTER_RESIDENT, require
from timebank.registry.services.audit import record_audit
from timebank.registry.services.households import households_at
from timebank.registry.services.resident_imports.reading import BATCH, Progress, unpack

Answer = ResidentImportQuestion.Decision
Outcome = ResidentImportRow.Outcome
Status = ResidentImport.Status


@dataclass(slots=True)
class _Job:
    """A row about to be loaded."""

    row: ResidentImportRow
    candidate: Candidate
    occurrence: int
    questions: list[ResidentImportQuestion]
    fingerprint: str  # of the row as it stands, whatever was left out of it later
    resident: Resident | None = None


def load_import(
    *,
    source: ResidentImport,
    actor: User | None,
    consent_version: str,
    progress: Progress = lambda done: None,
    now: dt.datetime | None = None,
) -> ResidentImport:
    """Register everybody on the list who is ready or decided; the rest stays refused or asked.

    Each batch is a transaction of its own and asks anew who is registered: a second call goes on where the first
    stopped, and a row never becomes two people.
    """
    if actor is not None:
        require(actor, REGISTER_RESIDENT, source.village)
    now = now or timezone.now()
    if source.status in {Status.CONFIRMED, Status.RETURNED, Status.DISCARDED, Status.READING}:
        raise ListClosed
    ResidentImport.objects.filter(pk=source.pk, status=Status.PREVIEW).update(status=Status.LOADING)
    after = 0
    while True:
        with transaction.atomic():
            locked = ResidentImport.objects.select_for_update(of=("self",)).select_related("village").get(pk=source.pk)
            rows = list(
                locked.rows.filter(Q(outcome=Outcome.READY) | Q(outcome=Outcome.ASKED), number__gt=after)
                .order_by("number")
                .prefetch_related("questions__other_row")[:BATCH]
            )
            if not rows:
                break
            _load_batch(locked, rows, actor=actor, consent_version=consent_version, now=now)
        after = rows[-1].number
        progress(len(rows))
    return _finish(source, actor=actor, now=now)


def begin(*, source: ResidentImport, actor: User) -> None:
    """Say that a list is being loaded, before the work is handed to the background."""
    require(actor, REGISTER_RESIDENT, source.village)
    ResidentImport.objects.filter(pk=source.pk, status__in=(Status.PREVIEW, Status.LOADED)).update(
        status=Status.LOADING
    )


def _finish(source: ResidentImport, *, actor: User | None, now: dt.datetime) -> ResidentImport:
    with transaction.atomic():
        source = ResidentImport.objects.select_for_update(of=("self",)).select_related("village").get(pk=source.pk)
        counts = count_outcomes(source)
        if counts[Outcome.LOADED]:
            source.status = Status.LOADED
        elif counts[Outcome.ASKED] or counts[Outcome.REFUSED]:
            source.status = Status.PREVIEW
        else:
            source.status = Status.DISCARDED  # everybody was registered already
        source.loaded_at = now
        source.save(update_fields=["status", "loaded_at"])
        if counts[Outcome.LOADED]:
            record_audit(
                actor=actor,
                action="load_resident_list",
                subject=f"resident_list:{source.pk}",
                region=source.village,
                facts={str(outcome): count for outcome, count in counts.items()},
                now=now,
            )
    return source


def count_outcomes(source: ResidentImport) -> dict[str, int]:
    """Count a list's rows by what became of them."""
    counts = dict.fromkeys(Outcome.values, 0)
    counts.update(source.rows.order_by().values_list("outcome").annotate(Count("pk")))
    return counts


def _load_batch(
    source: ResidentImport,
    rows: Sequence[ResidentImportRow],
    *,
    actor: User | None,
    consent_version: str,
    now: dt.datetime,
) -> None:
    jobs = [_job(row) for row in rows]
    jobs = [job for job in jobs if job.row.outcome == Outcome.READY or _is_decided(job)]
    if not jobs:
        return
    villages = sorted({job.candidate.village_id for job in jobs})
    # Two lists of one village wait for one another: nobody is registered by both.
    list(Region.objects.select_for_update(of=("self",)).filter(pk__in=villages).order_by("pk"))
    matcher = Matcher()
    matcher.prepare([job.candidate for job in jobs])
    fresh = [job for job in jobs if _is_new(job, matcher)]
    _register(source, fresh, actor=actor, consent_version=consent_version, now=now)
    _join(jobs, now=now)
    done = [job for job in jobs if job.row.outcome in {Outcome.LOADED, Outcome.UNCHANGED}]
    for job in done:
        job.row.content = ""
    ResidentImportRow.objects.bulk_update(
        [job.row for job in jobs], ["outcome", "content", "resident", "column", "reason"], batch_size=200
    )
    ResidentSource.objects.bulk_create(
        [
            ResidentSource(fingerprint=job.fingerprint, occurrence=job.occurrence, resident_id=job.row.resident_id)
            for job in done
            if job.row.resident_id is not None
        ],
        ignore_conflicts=True,
    )


def _job(row: ResidentImportRow) -> _Job:
    content = unpack(row.content)
    candidate = Candidate.from_json(content["person"])
    return _Job(row, candidate, content["occurrence"], list(row.questions.all()), candidate.fingerprint)


def _is_decided(job: _Job) -> bool:
    return _same_as(job) is not None or all(question.decision for question in job.questions)


def _same_as(job: _Job) -> ResidentImportQuestion | None:
    return next((question for question in job.questions if question.decision == Answer.SAME), None)


def _decided_pks(job: _Job) -> set[int]:
    """Return whom this row was decided to differ from."""
    decided = set()
    for question in job.questions:
        pk = question.other_id or (question.other_row.resident_id if question.other_row is not None else None)
        if pk is not None and question.decision:
            decided.add(pk)
    return decided


def _is_new(job: _Job, matcher: Matcher) -> bool:
    """Say whether a row is to be registered; what changed since it was read is asked, refused or known by now."""
    if _same_as(job) is not None:
        return False
    try:
        verdict = matcher.judge(job.candidate, job.occurrence)
    except RowRefused as refused:
        job.row.outcome, job.row.reason = Outcome.REFUSED, refused.reason[:200]
        return False
    if verdict.resident_id is not None:
        job.row.outcome, job.row.resident_id = Outcome.UNCHANGED, verdict.resident_id
        return False
    decided = _decided_pks(job)
    open_questions = [question for question in verdict.questions if question.about.pk not in decided]
    if open_questions:
        _ask(job, open_questions)
        return False
    if any(question.decision == Answer.WITHOUT_PHONE for question in job.questions):
        job.candidate.phone = ""
    return True


def _ask(job: _Job, questions: Sequence[Question]) -> None:
    job.row.outcome = Outcome.ASKED
    ResidentImportQuestion.objects.bulk_create(
        [
            ResidentImportQuestion(row=job.row, kind=question.kind, other_id=question.about.pk)
            for question in questions
            if question.about.pk is not None
        ]
    )


def _register(
    source: ResidentImport, jobs: Sequence[_Job], *, actor: User | None, consent_version: str, now: dt.datetime
) -> None:
    if not jobs:
        return
    households = households_at(((job.candidate.village_id, job.candidate.household_number) for job in jobs), now=now)
    numbers = _volunteer_numbers(len(jobs))
    for job, number in zip(jobs, numbers, strict=True):
        person = job.candidate
        job.resident = Resident(
            volunteer_number=number,
            name=person.name,
            birth_date=person.birth_date,
            phone=person.phone,
            id_number_encrypted=ids.encrypt(person.id_number) if person.id_number else "",
            id_number_digest=person.digest,
            village_id=person.village_id,
            household_id=households.get((person.village_id, person.household_key)),
            status=Resident.Status.ACTIVE,
            registered_by=actor,
            created_at=now,
        )
    residents = [job.resident for job in jobs if job.resident is not None]
    Resident.objects.bulk_create(residents)
    today = timezone.localdate(now)
    Residence.objects.bulk_create(
        [Residence(resident=made, village_id=made.village_id, since=today) for made in residents]
    )
    Consent.objects.bulk_create(
        [
            Consent(resident=made, version=consent_version, given_at=now, taken_by=actor, on_paper=True)
            for made in residents
        ]
    )
    _open_wallets(residents)
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                occurred_at=now,
                actor=actor,
                action="register_resident",
                subject=f"resident:{made.pk}",
                region_id=made.village_id,
                facts={"list": source.pk},
            )
            for made in residents
        ]
    )
    for job in jobs:
        job.row.outcome, job.row.resident = Outcome.LOADED, job.resident
    by_row: dict[int | None, int | None] = {job.row.pk: job.row.resident_id for job in jobs}
    different = []
    for job in jobs:
        for question in job.questions:
            other = question.other_id or by_row.get(question.other_row_id)
            if other is None and question.other_row is not None:
                other = question.other_row.resident_id
            if other is not None and job.row.resident_id is not None:
                different.append((job.row.resident_id, other))
    remember_distinct(different, decided_by_id=actor.pk if actor is not None else None, now=now)


def _volunteer_numbers(count: int) -> list[str]:
    """Draw numbers that nobody has; the database refuses the one in a hundred million that slips through."""
    drawn: set[str] = set()
    while len(drawn) < count:
        more = {codes.new_volunteer_number() for _ in range(count - len(drawn))} - drawn
        taken = Resident.objects.filter(volunteer_number__in=more).values_list("volunteer_number", flat=True)
        drawn |= more - set(taken)
    return list(drawn)


def _open_wallets(residents: Sequence[Resident]) -> None:
    villages = Region.objects.in_bulk({made.village_id for made in residents})
    accounts = [
        ledger.NewAccount(f"{kind}:region:{village.pk}", "system", owner=village.short_name)
        for village in villages.values()
        for kind in ("issuance", "expired")
    ]
    accounts += [
        ledger.NewAccount(
            made.wallet_key, "wallet", owner=f"resident:{made.pk}", expires_to=f"expired:region:{made.village_id}"
        )
        for made in residents
    ]
    ledger.open_accounts(accounts=accounts)


def _join(jobs: Sequence[_Job], *, now: dt.datetime) -> None:
    """Let rows be the people they were decided to be; what that person lacked is filled in from the row."""
    by_row: dict[int | None, int | None] = {job.row.pk: job.row.resident_id for job in jobs}
    for job in jobs:
        question = _same_as(job)
        if question is None:
            continue
        pk = question.other_id
        if pk is None and question.other_row is not None:
            pk = by_row.get(question.other_row_id) or question.other_row.resident_id
        if pk is None:
            job.row.outcome = Outcome.ASKED  # the row above it is not loaded yet
            continue
        _fill_in(Resident.objects.select_for_update(of=("self",)).get(pk=pk), job.candidate, now)
        job.row.outcome, job.row.resident_id = Outcome.UNCHANGED, pk


def _fill_in(resident: Resident, person: Candidate, now: dt.datetime) -> None:
    changed = []
    if person.birth_date and resident.birth_date is None:
        resident.birth_date = person.birth_date
        changed.append("birth_date")
    if person.phone and not resident.phone:
        resident.phone = person.phone
        changed.append("phone")
    free = person.digest and not Resident.objects.filter(id_number_digest=person.digest).exists()
    if free and not resident.id_number_digest:
        resident.id_number_digest, resident.id_number_encrypted = person.digest, ids.encrypt(person.id_number)
        changed += ["id_number_digest", "id_number_encrypted"]
    if person.household_key and resident.household_id is None and resident.village_id == person.village_id:
        places = households_at([(person.village_id, person.household_number)], now=now)
        resident.household_id = places.get((person.village_id, person.household_key))
        changed.append("household")
    if changed:
        resident.save(update_fields=changed)
