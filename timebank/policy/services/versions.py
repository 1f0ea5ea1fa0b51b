"""Drafts and their approval: the only code that writes versions of schemes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from timebank.common.input import clean_text
from timebank.policy import codec, rules
from timebank.policy.engine import Scheme as EngineScheme
from timebank.policy.errors import ChoicesOpen, NameNeeded, SchemeFrozen, SecondPersonApproves
from timebank.policy.ladders import Ladder
from timebank.policy.models import Scheme, SchemeVersion
from timebank.policy.questions import Content, apply_answers, questions_of
from timebank.policy.tables import Benefit


def content_hash(data: dict[str, Any], ladder: dict[str, Any] | None, benefits: list[Any] | None = None) -> str:
    """Return the SHA-256 of what a version says, in one fixed spelling."""
    says = [data, ladder, benefits] if benefits else [data, ladder]
    text = json.dumps(says, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Round through JSON at once, so that a draft shows exactly what approval will freeze."""
    return json.loads(json.dumps(value))


def set_content(version: SchemeVersion, content: Content) -> None:
    """Write down what a draft says, checked; the caller saves. Raises SchemeInvalid naming the rule that is wrong."""
    data = plain({**codec.scheme_to_json(content.scheme), "version": version.scheme.slug})
    codec.scheme_from_json(data, version=version.scheme.slug)
    version.rules = data
    version.ladder_data = plain(codec.ladder_to_json(content.ladder)) if content.ladder else None
    version.benefits = plain([asdict(benefit) for benefit in content.benefits])


@transaction.atomic
def draft_version(
    *,
    slug: str,
    name: str,
    scheme: EngineScheme,
    effective_from: dt.date,
    ladder: Ladder | None = None,
    source: str = "",
    benefits: list[Benefit] | None = None,
    questions: list[dict[str, Any]] | None = None,
    actor: AbstractBaseUser | None = None,
) -> SchemeVersion:
    """Write down the next version of a scheme as a draft; raises SchemeInvalid naming the rule that is wrong."""
    data = plain({**codec.scheme_to_json(scheme), "version": slug})
    codec.scheme_from_json(data, version=slug)
    owner, _ = Scheme.objects.get_or_create(slug=slug, defaults={"name": name, "source": source[:300]})
    Scheme.objects.select_for_update().get(pk=owner.pk)  # the gate: two drafts never share a number
    last = owner.versions.order_by("-number").values_list("number", flat=True).first()
    return SchemeVersion.objects.create(
        scheme=owner,
        number=(last or 0) + 1,
        effective_from=effective_from,
        rules=data,
        ladder_data=plain(codec.ladder_to_json(ladder)) if ladder else None,
        benefits=plain([asdict(item) for item in benefits or []]),
        questions=plain(questions or []),
        drafted_by=actor,  # type: ignore[misc]  # the user model, named by setting
    )


@transaction.atomic
def approve_version(
    *,
    version: SchemeVersion,
    approved_as: str,
    answers: Mapping[str, str] | None = None,
    actor: AbstractBaseUser | None = None,
    now: dt.datetime | None = None,
) -> SchemeVersion:
    """Put a draft in force from its day, in the name of a person or a published document; afterwards it is frozen.

    Every open choice must be answered (``questions.questions_of``); what was chosen becomes part of what is frozen.
    ``actor`` None is the installation itself. Raises SchemeFrozen, ChoicesOpen, SecondPersonApproves, NotYours.
    """
    locked = SchemeVersion.objects.select_for_update(of=("self",)).select_related("scheme").get(pk=version.pk)
    if locked.status != SchemeVersion.Status.DRAFT:
        raise SchemeFrozen
    if actor is not None:
        rules.require(actor, rules.APPROVE, locked.scheme.region)
        if locked.drafted_by_id == actor.pk:
            raise SecondPersonApproves
    if not clean_text(approved_as):
        raise NameNeeded(field="approved_as")
    given = dict(answers or {})
    open_ = questions_of(locked.content(), locked.questions, by_person=actor is not None)
    missing = [item.key for item in open_ if given.get(item.key) not in dict(item.options)]
    if missing:
        raise ChoicesOpen(keys=missing)
    asked = {item.key: given[item.key] for item in open_}
    content = apply_answers(locked.content(), locked.questions, asked)
    set_content(locked, content)
    locked.answers = asked
    locked.status = SchemeVersion.Status.APPROVED
    locked.approved_by = actor  # type: ignore[assignment]  # the user model, named by setting
    locked.approved_as = approved_as
    locked.approved_at = now or timezone.now()
    locked.content_hash = content_hash(locked.rules, locked.ladder_data, locked.benefits)
    locked.save()
    return locked
