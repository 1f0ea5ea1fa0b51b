"""Drafts made and changed by people: by copying, from a table, rule by rule. What is approved is never touched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from timebank.common.input import clean_text
from timebank.policy import rules
from timebank.policy.engine import Cap, Kind, Rule, Tier
from timebank.policy.errors import NameNeeded, NoSuchRule, SchemeFrozen, TableEmpty
from timebank.policy.models import Category, Scheme, SchemeVersion
from timebank.policy.questions import Content
from timebank.policy.services.versions import draft_version, set_content
from timebank.policy.tables import Draft, TableReport, read_table, slug_of
from timebank.policy.units import NotReadable


@transaction.atomic
def copy_version(
    *, version: SchemeVersion, actor: Any, name: str, region: Any, effective_from: dt.date, reason: str = ""
) -> SchemeVersion:
    """Draft a scheme by copying a version: the next version of one's own region's scheme, else a scheme of its own."""
    rules.require(actor, rules.DRAFT, region)
    if not clean_text(name):
        raise NameNeeded(field="name")
    own = version.scheme.region_id is not None and version.scheme.region_id == getattr(region, "pk", None)
    slug = version.scheme.slug if own else _free_slug(version.scheme.slug, region)
    made = _draft(slug, name, version.content(), region, effective_from, actor, version.scheme.source)
    made.questions, made.copied_from, made.reason = (
        version.questions if not version.answers else [],
        version,
        clean_text(reason, lines=True),
    )
    made.save(update_fields=["questions", "copied_from", "reason"])
    return made


def _free_slug(slug: str, region: Any) -> str:
    place = str(getattr(region, "pk", "") or "own")
    base = f"{slug[: 38 - len(place)]}-{place}"
    taken = set(Scheme.objects.filter(slug__startswith=base[:36]).values_list("slug", flat=True))
    number, free = 2, base
    while free in taken:
        free, number = f"{base[:36]}-{number}", number + 1
    return free


def _draft(
    slug: str, name: str, content: Content, region: Any, effective_from: dt.date, actor: Any, source: str
) -> SchemeVersion:
    made = draft_version(
        slug=slug,
        name=clean_text(name)[:80],
        scheme=content.scheme,
        effective_from=effective_from,
        ladder=content.ladder,
        source=source,
        benefits=list(content.benefits),
        actor=actor,
    )
    if region is not None and made.scheme.region_id is None:
        made.scheme.region = region
        made.scheme.save(update_fields=["region"])
    return made


@transaction.atomic
def draft_from_table(
    *, rows: Sequence[Mapping[str, Any]], actor: Any, name: str, region: Any, effective_from: dt.date
) -> tuple[SchemeVersion, TableReport]:
    """Draft one scheme from the rows of a table; the report says what can't be taken. TableEmpty, NotReadable."""
    rules.require(actor, rules.DRAFT, region)
    if not clean_text(name):
        raise NameNeeded(field="name")
    report = read_table([{**row, "scheme": name} for row in rows], default_scheme=name)
    draft = next(iter(report.drafts.values()), None)
    if draft is None or not (draft.rules or draft.levels or draft.benefits):
        raise TableEmpty
    add_categories(draft)
    content = Content(draft.scheme(), draft.ladder(), tuple(draft.benefits))
    made = _draft(_free_slug(slug_of(name), region), name, content, region, effective_from, actor, draft.source)
    made.questions = draft.questions
    made.save(update_fields=["questions"])
    return made, report


def add_categories(draft: Draft) -> None:
    """Add the deeds that a table prices and nobody has named before."""
    known = set(
        Category.objects.filter(code__in=[deed.code for deed in draft.deeds.values()]).values_list("code", flat=True)
    )
    Category.objects.bulk_create(
        [
            Category(
                code=deed.code, name=deed.name, family=deed.family, unit=deed.unit, entered_by=Category.Entry.STAFF
            )
            for deed in draft.deeds.values()
            if deed.code not in known
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def set_rule(
    *,
    version: SchemeVersion,
    code: str,
    actor: Any,
    points: int,
    points_max: int | None = None,
    per: int = 0,
    tiers: Sequence[Tier] = (),
    caps: Sequence[Cap] = (),
    measure_cap: int | None = None,
    factors: Sequence[tuple[str, int]] = (),
) -> SchemeVersion:
    """Change what a rule of a draft is worth; raises SchemeInvalid naming what can't be, SchemeFrozen once approved."""
    locked = _locked(version, actor)
    content = locked.content()
    rule = _rule(content, code)
    changed = replace(
        rule,
        points=points,
        points_max=points_max if rule.kind is Kind.OCCURRENCE else None,
        per=per if rule.kind in (Kind.BLOCK, Kind.RATE) else rule.per,
        tiers=tuple(tiers) if rule.kind is Kind.STEPPED else rule.tiers,
        caps=tuple(caps),
        measure_cap=measure_cap,
        factors=tuple(factors),
    )
    return _with_rules(locked, content, [changed if row.code == code else row for row in content.scheme.rules])


@transaction.atomic
def remove_rule(*, version: SchemeVersion, code: str, actor: Any) -> SchemeVersion:
    """Leave a rule out of a draft."""
    locked = _locked(version, actor)
    content = locked.content()
    _rule(content, code)
    locked.questions = [question for question in locked.questions if question.get("rule") != code]
    return _with_rules(locked, content, [rule for rule in content.scheme.rules if rule.code != code])


@transaction.atomic
def add_rule(*, version: SchemeVersion, row: Mapping[str, str], actor: Any) -> SchemeVersion:
    """Add a rule to a draft, written as a row of a table; raises NotReadable with the reason."""
    locked = _locked(version, actor)
    content = locked.content()
    report = read_table([{**row, "scheme": locked.scheme.slug}])
    if report.refused:
        refusal = report.refused[0].refusal
        raise NotReadable(refusal.reason if refusal else "")
    (draft,) = report.drafts.values()
    add_categories(draft)
    codes = {rule.code for rule in content.scheme.rules}
    new = [_unique(rule, codes) for rule in draft.rules.values()]
    renamed = dict(zip(draft.rules, (rule.code for rule in new), strict=True))
    asked = [
        {**question, "rule": renamed[question["rule"]]} if question.get("rule") in renamed else question
        for question in draft.questions
    ]
    locked.questions = [*locked.questions, *asked]
    return _with_rules(locked, content, [*content.scheme.rules, *new])


def _unique(rule: Rule, taken: set[str]) -> Rule:
    code, number = rule.code, 2
    while code in taken:
        code, number = f"{rule.code}-{number}", number + 1
    return replace(rule, code=code)


@transaction.atomic
def discard_draft(*, version: SchemeVersion, actor: Any, reason: str = "") -> SchemeVersion:
    """Put a draft aside for good; it stays to be read."""
    locked = _locked(version, actor)
    locked.status = SchemeVersion.Status.DISCARDED
    locked.reason = clean_text(reason, lines=True)
    locked.save(update_fields=["status", "reason"])
    return locked


def _locked(version: SchemeVersion, actor: Any) -> SchemeVersion:
    locked = SchemeVersion.objects.select_for_update(of=("self",)).select_related("scheme").get(pk=version.pk)
    rules.require(actor, rules.DRAFT, locked.scheme.region)
    if locked.status != SchemeVersion.Status.DRAFT:
        raise SchemeFrozen
    return locked


def _rule(content: Content, code: str) -> Rule:
    rule = next((row for row in content.scheme.rules if row.code == code), None)
    if rule is None:
        raise NoSuchRule
    return rule


def _with_rules(locked: SchemeVersion, content: Content, changed: Sequence[Rule]) -> SchemeVersion:
    set_content(locked, replace(content, scheme=replace(content.scheme, rules=tuple(changed))))
    locked.save(update_fields=["rules", "ladder_data", "benefits", "questions"])
    return locked
