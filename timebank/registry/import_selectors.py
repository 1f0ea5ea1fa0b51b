"""What pages show of lists of residents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from timebank.registry import rules
from timebank.registry.models import Region, Resident, ResidentImport, ResidentImportQuestion, ResidentImportRow
from timebank.registry.rules import VIEW_VILLAGE
from timebank.registry.services.resident_imports.reading import unpack
from timebank.ui.templatetags.ui import day

Outcome = ResidentImportRow.Outcome
SHOWN = 200  # rows of a kind on one page; the file has all


def lists_in(region: Region) -> QuerySet[ResidentImport]:
    """Select the lists of a place and of all below it, the latest first."""
    return (
        ResidentImport.objects.filter(village__path__startswith=region.path)
        .select_related("village", "uploaded_by")
        .order_by("-created_at", "-pk")
    )


def count_rows(lists: Iterable[ResidentImport]) -> None:
    """Write on each list how many of its rows came to what, in one query."""
    by_key = {source.pk: source for source in lists}
    for source in by_key.values():
        source.counts = dict.fromkeys(Outcome.values, 0)  # type: ignore[attr-defined]
    rows = ResidentImportRow.objects.filter(source__in=by_key).order_by()
    for pk, outcome, count in rows.values_list("source", "outcome").annotate(Count("pk")):
        by_key[pk].counts[outcome] = count  # type: ignore[attr-defined]


def asked_rows(source: ResidentImport) -> QuerySet[ResidentImportRow]:
    """Select the rows about which something is asked."""
    return (
        source.rows.filter(outcome=Outcome.ASKED)
        .order_by("number")
        .prefetch_related("questions__other_row", "questions__other__village", "questions__other__household")
    )


def questions_about(rows: Iterable[ResidentImportRow], actor: Any) -> list[dict[str, Any]]:
    """List the questions of these rows: who stands in the row, whom they resemble, what may be answered."""
    shown = []
    for row in rows:
        person = unpack(row.content).get("person", {})
        for question in row.questions.all():
            kind = ResidentImportQuestion.Kind(question.kind)
            chosen = question.decision
            if not chosen and kind == ResidentImportQuestion.Kind.PHONE:
                chosen = ResidentImportQuestion.Decision.WITHOUT_PHONE
            shown.append(
                {
                    "pk": question.pk,
                    "row": row.number,
                    "kind": kind.label,
                    "person": _words(person),
                    "other": _other(question, actor),
                    "choices": [(value, label, value == chosen) for value, label in question.Decision.choices],
                }
            )
    return shown


def compared(rows: Iterable[ResidentImportRow]) -> list[Resident]:
    """List the registered people with whom these rows are compared on the page."""
    return [question.other for row in rows for question in row.questions.all() if question.other is not None]


def _words(person: dict[str, Any]) -> str:
    facts = [person.get("name", ""), person.get("birth_date", ""), person.get("phone", "")]
    if person.get("household_number"):
        facts.append(_("house %(number)s") % {"number": person["household_number"]})
    if person.get("id_number"):
        facts.append(_("with ID number"))
    return " · ".join(fact for fact in facts if fact)


def _other(question: ResidentImportQuestion, actor: Any) -> str:
    if question.other is not None:
        return resident_in_words(question.other, actor)
    row = question.other_row
    if row is None:
        return ""
    return f"{_('row %(row)s') % {'row': row.number}}: {_words(unpack(row.content).get('person', {}))}"


def resident_in_words(resident: Resident, actor: Any) -> str:
    """Describe somebody registered; of another village only what tells that there is somebody."""
    if not rules.can(actor, VIEW_VILLAGE, resident.village):
        return _("%(name)s of %(village)s") % {"name": f"{resident.name[:1]}**", "village": resident.village}
    facts = [
        resident.name,
        day(resident.birth_date, "date"),
        resident.phone,
        _("house %(number)s") % {"number": resident.household.number} if resident.household else "",
        resident.volunteer_number,
    ]
    return " · ".join(fact for fact in facts if fact)


def refused_shown(source: ResidentImport) -> list[dict[str, Any]]:
    """List the first refused rows with the name in them, the column and the reason."""
    rows = source.rows.filter(outcome=Outcome.REFUSED).order_by("number")[:SHOWN]
    return [
        {
            "number": row.number,
            "column": row.column,
            "reason": row.reason,
            "text": " · ".join(cell for cell in unpack(row.content)["line"] if cell)[:60],
        }
        for row in rows
    ]


def loaded_shown(source: ResidentImport) -> list[Resident]:
    """List whom a list registered, for the town to look at."""
    rows = source.rows.filter(outcome=Outcome.LOADED).values("resident")
    people = Resident.objects.filter(pk__in=rows).select_related("village", "household").order_by("village", "name")
    return list(people[:2000])


def notes_in_words(source: ResidentImport) -> list[str]:
    """Say what was passed over, in the reader's language."""
    kinds = {
        "title": _("a title"),
        "blank": _("blank"),
        "total": _("a total"),
        "header": _("the names of the columns again"),
        "footer": _("a remark"),
    }
    words = []
    for note in source.notes[:SHOWN]:
        if "row" in note:
            kind = kinds.get(note["kind"], note["kind"])
            words.append(_("Row %(row)s was passed over: %(kind)s %(text)s") % {**note, "kind": kind})
        elif "column" in note:
            words.append(_("The column %(name)s was not read.") % {"name": note["column"]})
        else:
            words.append(note["text"])
    return words
