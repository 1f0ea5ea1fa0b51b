"""Deciding what was asked about a list: by a form, or by a file of decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from timebank.common.input import fold
from timebank.common.sheets import cells
from timebank.common.sheets.errors import SheetError
from timebank.common.sheets.sources import Limits, open_source
from timebank.registry.errors import UnclearDecision
from timebank.registry.models import ResidentImport, ResidentImportQuestion, ResidentImportRow, User
from timebank.registry.rules import REGISTER_RESIDENT, require

Answer = ResidentImportQuestion.Decision
Kind = ResidentImportQuestion.Kind
_WORDS = {
    "same": Answer.SAME,
    "同一人": Answer.SAME,
    "是同一人": Answer.SAME,
    "different": Answer.DIFFERENT,
    "不同": Answer.DIFFERENT,
    "不同人": Answer.DIFFERENT,
    "不是同一人": Answer.DIFFERENT,
    "withoutphone": Answer.WITHOUT_PHONE,
    "不留电话": Answer.WITHOUT_PHONE,
    "不带电话": Answer.WITHOUT_PHONE,
}


class Decision(NamedTuple):
    """What was decided about one row, or about two; where it was written."""

    rows: frozenset[int]
    answer: str
    line: int = 0


def read_decisions(file: BinaryIO) -> list[Decision]:
    """Read a file of decisions: on each line the rows and ``same``, ``different`` or ``without-phone``.

    Raises ``SheetError`` naming the first line that says anything else.
    """
    decisions: list[Decision] = []
    source = open_source(file, Limits(rows=20_000, columns=20))[0]
    for raw in source.rows():
        if raw.blank:
            continue
        text = " ".join(cells.raw_text(cell) for cell in raw.cells)
        numbers = frozenset(int(number) for number in re.findall(r"\d{1,7}", cells.fold(text)))
        word = fold(re.sub(r"\d+", " ", cells.fold(text).lower()).replace("row", ""))
        word = re.sub(r"[^a-z一-鿿]", "", word).removeprefix("第").removeprefix("行")
        answer = _WORDS.get(word)
        if answer is None and not numbers and not decisions:
            continue  # the names of the columns
        if answer is None or not 1 <= len(numbers) <= 2:
            raise SheetError(
                _("Row %(row)s of the decisions must name one or two rows and say same, different or without-phone.")
                % {"row": raw.number},
                code="broken_decision",
                row=raw.number,
            )
        decisions.append(Decision(numbers, answer, raw.number))
    return decisions


@transaction.atomic
def decide(
    *,
    source: ResidentImport,
    decisions: Iterable[Decision],
    actor: User | None,
    shared_phones_left_out: bool = False,
) -> list[Decision]:
    """Keep decisions about a list's questions; return those that answer nothing that was asked.

    A decision that names one row answers all its questions. ``shared_phones_left_out``: whoever looked at the questions
    and said nothing about a shared phone lets the later row be loaded without it.
    """
    if actor is not None:
        require(actor, REGISTER_RESIDENT, source.village)
    questions = list(
        ResidentImportQuestion.objects.select_for_update(of=("self",))
        .filter(row__source=source, row__outcome=ResidentImportRow.Outcome.ASKED)
        .select_related("row", "other_row")
        .order_by("row__number", "pk")
    )
    changed: dict[int, ResidentImportQuestion] = {}
    unused: list[Decision] = []
    for decision in decisions:
        meant = [question for question in questions if _answers(decision, question)]
        if not meant:
            unused.append(decision)
            continue
        if len(decision.rows) == 1 and decision.answer == Answer.SAME and len(meant) > 1:
            meant = _the_one_person(decision, meant)
        for question in meant:
            if changed.get(question.pk) is not None and question.decision != decision.answer:
                raise UnclearDecision(row=question.row.number)
            question.decision = decision.answer
            question.decided_by = actor
            changed[question.pk] = question
    if shared_phones_left_out:
        for question in questions:
            if question.kind == Kind.PHONE and not question.decision:
                question.decision = Answer.WITHOUT_PHONE
                question.decided_by = actor
                changed[question.pk] = question
    ResidentImportQuestion.objects.bulk_update(changed.values(), ["decision", "decided_by"], batch_size=200)
    return unused


@transaction.atomic
def answer_questions(*, source: ResidentImport, answers: Mapping[int, str], actor: User) -> int:
    """Keep what was chosen on a page for each question (by its key); return how many. Others' questions are left."""
    require(actor, REGISTER_RESIDENT, source.village)
    questions = list(
        ResidentImportQuestion.objects.select_for_update(of=("self",)).filter(
            pk__in=answers, row__source=source, row__outcome=ResidentImportRow.Outcome.ASKED
        )
    )
    for question in questions:
        question.decision = Answer(answers[question.pk])
        question.decided_by = actor
    ResidentImportQuestion.objects.bulk_update(questions, ["decision", "decided_by"], batch_size=200)
    return len(questions)


def _answers(decision: Decision, question: ResidentImportQuestion) -> bool:
    number = question.row.number
    if len(decision.rows) == 1:
        return number in decision.rows
    other = question.other_row
    return other is not None and decision.rows == {number, other.number}


def _the_one_person(decision: Decision, meant: Sequence[ResidentImportQuestion]) -> list[ResidentImportQuestion]:
    """Return the question that "same" answers when only the row was named; refuse if it could be several."""
    people = [question for question in meant if question.kind == Kind.PERSON]
    if len(people) != 1:
        raise UnclearDecision(row=min(decision.rows))
    return people
