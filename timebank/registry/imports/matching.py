"""Whom a row resembles: somebody registered, or a row above it. The certain is decided, what looks alike is asked."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils.translation import gettext as _

from timebank.registry.imports.candidates import Candidate, RowRefused
from timebank.registry.models import DistinctPair, Resident, ResidentImportQuestion, ResidentSource

Kind = ResidentImportQuestion.Kind


class Known(NamedTuple):
    """Somebody whom a row may resemble: a resident (``pk``) or a row above (``number``)."""

    pk: int | None
    number: int | None
    village_id: int
    name_key: str
    birth_date: dt.date | None
    phone: str
    household_key: str
    digest: str
    status: str


class Question(NamedTuple):
    """What must be asked about a row."""

    kind: str
    about: Known


@dataclass(slots=True)
class Verdict:
    """What a row is: somebody registered already, a new person, or a new person about whom something is asked."""

    resident_id: int | None = None
    questions: list[Question] = field(default_factory=list)


class Matcher:
    """Everybody a list's rows may resemble. Rows are handed over in their order, by ``prepare`` and then ``judge``."""

    def __init__(self) -> None:
        self._villages: set[int] = set()
        self._by_name: dict[tuple[int, str], list[Known]] = defaultdict(list)
        self._by_phone: dict[str, list[Known]] = defaultdict(list)
        self._by_digest: dict[str, Known] = {}
        self._sources: dict[tuple[str, int], int] = {}
        self._seen: Counter[str] = Counter()
        self._id_rows: dict[str, Candidate] = {}

    def prepare(self, candidates: Sequence[Candidate]) -> None:
        """Read what a batch of rows needs, in a handful of statements."""
        fresh = {known.village_id for known in candidates} - self._villages
        if fresh:
            self._remember(Resident.objects.filter(village__in=fresh).exclude(status=Resident.Status.CLOSED))
            self._villages |= fresh
        digests = {known.digest for known in candidates if known.digest} - self._by_digest.keys()
        for known in _known(Resident.objects.filter(id_number_digest__in=digests)):
            self._by_digest[known.digest] = known
        phones = {known.phone for known in candidates if known.phone}
        elsewhere = Resident.objects.filter(phone__in=phones).exclude(village__in=self._villages)
        for known in _known(elsewhere.exclude(status=Resident.Status.CLOSED)):
            if known not in self._by_phone[known.phone]:
                self._by_phone[known.phone].append(known)
        prints = {known.fingerprint for known in candidates}
        for fingerprint, occurrence, pk in ResidentSource.objects.filter(fingerprint__in=prints).values_list(
            "fingerprint", "occurrence", "resident"
        ):
            self._sources[fingerprint, occurrence] = pk

    def _remember(self, residents: object) -> None:
        for known in _known(residents):
            self.add(known)

    def add(self, known: Known) -> None:
        """Let later rows be compared with this person too."""
        self._by_name[known.village_id, known.name_key].append(known)
        if known.phone:
            self._by_phone[known.phone].append(known)
        if known.digest:
            self._by_digest[known.digest] = known

    def add_row(self, candidate: Candidate) -> None:
        """Let later rows be compared with this row."""
        self.add(
            Known(
                None,
                candidate.number,
                candidate.village_id,
                candidate.name_key,
                candidate.birth_date,
                candidate.phone,
                candidate.household_key,
                candidate.digest,
                "",
            )
        )

    def occurrence_of(self, fingerprint: str) -> int:
        """Count this row among equal ones: 0 for the first."""
        self._seen[fingerprint] += 1
        return self._seen[fingerprint] - 1

    def judge(self, candidate: Candidate, occurrence: int) -> Verdict:
        """Say what a row is; raise ``RowRefused`` for what contradicts what is known."""
        digest = candidate.digest
        if digest:
            above = self._id_rows.setdefault(digest, candidate)
            if above is not candidate:
                raise RowRefused("id_number", _("this ID number stands in row %(row)s already") % {"row": above.number})
        pk = self._sources.get((candidate.fingerprint, occurrence))
        if pk is not None:
            return Verdict(resident_id=pk)
        if digest and (known := self._by_digest.get(digest)) is not None and known.pk is not None:
            return Verdict(resident_id=_same_by_id(candidate, known))
        return Verdict(questions=self.resemblances(candidate))

    def resemblances(self, candidate: Candidate) -> list[Question]:
        """List whom a person resembles, without knowing for certain."""
        alike = [known for known in self._by_name[candidate.village_id, candidate.name_key] if _alike(candidate, known)]
        questions = [Question(Kind.PERSON, known) for known in alike]
        if candidate.phone:
            questions += [
                Question(Kind.PHONE, known) for known in self._by_phone[candidate.phone] if known not in alike
            ]
        return questions


def _known(residents: object) -> Iterable[Known]:
    rows = residents.values_list(  # type: ignore[attr-defined]
        "pk", "village", "name_key", "birth_date", "phone", "household__number", "id_number_digest", "status"
    )
    for pk, village, name, birth, phone, household_number, digest, status in rows.iterator(chunk_size=2000):
        yield Known(pk, None, village, name, birth, phone, household_number or "", digest, status)


def _same_by_id(candidate: Candidate, known: Known) -> int:
    """Return who has this ID number; refuse a row that says something else about that person."""
    if known.name_key != candidate.name_key:
        raise RowRefused("id_number", _("this ID number belongs to somebody with another name"))
    if known.status == Resident.Status.CLOSED:
        raise RowRefused("id_number", _("this person had an account that was closed: open it again at the desk"))
    if known.village_id != candidate.village_id:
        raise RowRefused("id_number", _("this person is registered in another village: move them at the desk"))
    return known.pk or 0


def _alike(candidate: Candidate, known: Known) -> bool:
    """Say whether two of one name in one village may be one person."""
    if candidate.digest and known.digest and candidate.digest != known.digest:
        return False
    if candidate.birth_date and known.birth_date:
        return candidate.birth_date == known.birth_date
    if candidate.phone and candidate.phone == known.phone:
        return True
    if candidate.household_key and candidate.household_key == known.household_key:
        return True
    phones_differ = bool(candidate.phone and known.phone)
    houses_differ = bool(candidate.household_key and known.household_key)
    return not (phones_differ or houses_differ)


def remember_distinct(pairs: Iterable[tuple[int, int]], *, decided_by_id: int | None, now: dt.datetime) -> None:
    """Keep that these are different people, so that nobody is asked again."""
    ordered = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    DistinctPair.objects.bulk_create(
        [
            DistinctPair(first_id=first, second_id=second, decided_by_id=decided_by_id, decided_at=now)
            for first, second in ordered
        ],
        ignore_conflicts=True,
    )
