"""Reading a list: every row judged and kept, nobody registered yet."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from timebank.common.input import clean_text
from timebank.common.sheets.errors import SheetError
from timebank.common.sheets.reading import Row, Table, normalise_heading, open_table
from timebank.common.sheets.sources import Limits
from timebank.registry import ids
from timebank.registry.imports.candidates import COLUMNS, UNREMARKED, Candidate, RowRefused, Villages, read_candidate
from timebank.registry.imports.matching import Kind, Matcher, Verdict
from timebank.registry.models import Region, ResidentImport, ResidentImportQuestion, ResidentImportRow, User
from timebank.registry.rules import REGISTER_RESIDENT, require
from timebank.registry.services.audit import record_audit

BATCH = 500
LIMITS = Limits(rows=50_000, columns=60)
Progress = Callable[[int], object]
Outcome = ResidentImportRow.Outcome
Status = ResidentImport.Status


@dataclass(slots=True)
class _Read:
    """A row, read as far as it could be."""

    row: Row
    candidate: Candidate | None = None
    refused: RowRefused | None = None


class _Places(NamedTuple):
    """Under which keys the rows of this list are kept: by their number, and by whom they are known to be."""

    of_number: dict[int, int]
    of_resident: dict[int | None, int]


def pack(*, line: Sequence[str], candidate: Candidate | None = None, occurrence: int = 0) -> str:
    """Encrypt what a row says; a list of a whole village with its ID numbers never lies bare in the database."""
    content: dict[str, Any] = {"line": list(line)}
    if candidate is not None:
        content.update(person=candidate.as_json(), occurrence=occurrence)
    return ids.encrypt(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def unpack(content: str) -> dict[str, Any]:
    """Return what a row says; nothing once it was erased."""
    return json.loads(ids.decrypt(content)) if content else {"line": []}


def read_import(
    *,
    file: BinaryIO,
    file_name: str,
    village: Region,
    actor: User | None,
    progress: Progress = lambda done: None,
    now: dt.datetime | None = None,
) -> ResidentImport:
    """Read a list for ``village`` and judge its rows; raise ``SheetError`` if it is no such table, nothing kept then.

    ``actor`` is nobody only for the machine itself (a command), which may act everywhere.
    """
    if actor is not None:
        require(actor, REGISTER_RESIDENT, village)
    now = now or timezone.now()
    table = open_table(file, COLUMNS, limits=LIMITS)
    digest = _digest(file)
    with transaction.atomic():
        # The same file again, before it was loaded: begin anew.
        ResidentImport.objects.filter(
            village=village, file_digest=digest, uploaded_by=actor, status__in=(Status.READING, Status.PREVIEW)
        ).delete()
        source = ResidentImport.objects.create(
            village=village,
            file_name=clean_text(file_name, most=120),
            file_digest=digest,
            header=[clean_text(name, most=60) for name in table.header],
            uploaded_by=actor,
            created_at=now,
        )
    try:
        _read_rows(source, table, Villages(village, actor), progress, today=timezone.localdate(now))
    except SheetError:
        source.delete()
        raise
    source.notes = _notes(table)
    source.status = Status.PREVIEW
    with transaction.atomic():
        source.save(update_fields=["notes", "status"])
        record_audit(
            actor=actor, action="read_resident_list", subject=f"resident_list:{source.pk}", region=village, now=now
        )
    return source


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _read_rows(source: ResidentImport, table: Table, villages: Villages, progress: Progress, *, today: dt.date) -> None:
    matcher = Matcher()
    rows = iter(table)
    places = _Places({}, {})
    while batch := list(islice(rows, BATCH)):
        read = [_read(row, villages, today) for row in batch]
        matcher.prepare([item.candidate for item in read if item.candidate is not None])
        _keep(source, table, matcher, read, places)
        progress(len(batch))


def _read(row: Row, villages: Villages, today: dt.date) -> _Read:
    try:
        if row.surplus:
            raise RowRefused("", _("more cells than the header has"))
        return _Read(row, candidate=read_candidate(row, villages, today))
    except RowRefused as refused:
        return _Read(row, refused=refused)


@transaction.atomic
def _keep(source: ResidentImport, table: Table, matcher: Matcher, read: Sequence[_Read], places: _Places) -> None:
    rows: list[ResidentImportRow] = []
    asked: list[tuple[ResidentImportRow, Verdict]] = []
    for item in read:
        row = ResidentImportRow(source=source, number=item.row.number)
        rows.append(row)
        verdict = None
        occurrence = 0
        if item.candidate is not None:
            try:
                occurrence = matcher.occurrence_of(item.candidate.fingerprint)
                verdict = matcher.judge(item.candidate, occurrence)
            except RowRefused as refused:
                item.refused = refused
        if item.refused is not None or item.candidate is None or verdict is None:
            row.outcome = Outcome.REFUSED
            key, row.reason = (item.refused.key, item.refused.reason[:200]) if item.refused else ("", "")
            row.column = table.headings.get(key, _label(key))[:40]
            row.content = pack(line=item.row.line)
        elif verdict.resident_id is not None:
            row.outcome = Outcome.UNCHANGED
            row.resident_id = verdict.resident_id
        else:
            row.outcome = Outcome.ASKED if verdict.questions else Outcome.READY
            row.content = pack(line=item.row.line, candidate=item.candidate, occurrence=occurrence)
            if verdict.questions:
                asked.append((row, verdict))
            _let_be_compared(matcher, item.candidate, verdict)
    ResidentImportRow.objects.bulk_create(rows)
    for row in rows:
        if row.resident_id is not None:
            places.of_resident.setdefault(row.resident_id, row.pk)
        elif row.outcome in {Outcome.READY, Outcome.ASKED}:
            places.of_number[row.number] = row.pk
    ResidentImportQuestion.objects.bulk_create(
        [
            ResidentImportQuestion(
                row=row,
                kind=question.kind,
                other_id=question.about.pk,
                other_row_id=places.of_number[question.about.number]
                if question.about.number is not None
                else places.of_resident.get(question.about.pk),
            )
            for row, verdict in asked
            for question in verdict.questions
        ]
    )


def _let_be_compared(matcher: Matcher, candidate: Candidate, verdict: Verdict) -> None:
    """Compare later rows with this one, unless it may be somebody who is compared with already."""
    kinds = {question.kind for question in verdict.questions}
    if Kind.PERSON in kinds:
        return
    if Kind.PHONE in kinds:
        candidate = Candidate(**{**_fields(candidate), "phone": ""})
    matcher.add_row(candidate)


def _fields(candidate: Candidate) -> dict[str, Any]:
    return {name: getattr(candidate, name) for name in Candidate.__slots__}


def _label(key: str) -> str:
    return next((str(column.label) for column in COLUMNS if column.key == key), "")


def _notes(table: Table) -> list[dict[str, Any]]:
    """Say what was passed over: rows that are no residents, columns that mean nothing here."""
    notes: list[dict[str, Any]] = [
        {"row": skipped.row, "kind": skipped.kind, "text": skipped.text} for skipped in _few(table.skipped)
    ]
    notes += [{"column": name[:60]} for name in table.unread if normalise_heading(name) not in UNREMARKED]
    notes += [{"text": str(note)} for note in table.source.notes]
    return notes


def _few(skipped: Sequence[Any], most: int = 200) -> Iterator[Any]:
    return islice(iter(skipped), most)
