"""The only code that writes schemes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from timebank.policy import codec, published
from timebank.policy.engine import Scheme as EngineScheme
from timebank.policy.errors import SchemeFrozen
from timebank.policy.ladders import Ladder
from timebank.policy.models import Scheme, SchemeVersion


def content_hash(rules: dict[str, Any], ladder: dict[str, Any] | None) -> str:
    """Return the SHA-256 of what a version says, in one fixed spelling."""
    text = json.dumps([rules, ladder], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def draft_version(
    *,
    slug: str,
    name: str,
    scheme: EngineScheme,
    effective_from: dt.date,
    ladder: Ladder | None = None,
    source: str = "",
) -> SchemeVersion:
    """Write down the next version of a scheme as a draft; raises SchemeInvalid naming the rule that is wrong."""
    rules = codec.scheme_to_json(scheme)
    # Round through JSON at once, so that a draft shows exactly what approval will freeze.
    rules = json.loads(json.dumps(rules))
    codec.scheme_from_json(rules, version=slug)
    owner, _ = Scheme.objects.get_or_create(slug=slug, defaults={"name": name, "source": source})
    last = owner.versions.select_for_update().order_by("-number").values_list("number", flat=True).first()
    return SchemeVersion.objects.create(
        scheme=owner,
        number=(last or 0) + 1,
        effective_from=effective_from,
        rules=rules,
        ladder_data=json.loads(json.dumps(codec.ladder_to_json(ladder))) if ladder else None,
    )


@transaction.atomic
def approve_version(
    *, version: SchemeVersion, approved_as: str, actor: AbstractBaseUser | None = None, now: dt.datetime | None = None
) -> SchemeVersion:
    """Put a draft in force from its day, in the name of a person or a published document; afterwards it is frozen."""
    locked = SchemeVersion.objects.select_for_update().select_related("scheme").get(pk=version.pk)
    if locked.status != SchemeVersion.Status.DRAFT:
        raise SchemeFrozen
    locked.status = SchemeVersion.Status.APPROVED
    locked.approved_by = actor  # type: ignore[assignment]  # the user model, named by setting
    locked.approved_as = approved_as
    locked.approved_at = now or timezone.now()
    locked.content_hash = content_hash(locked.rules, locked.ladder_data)
    locked.save()
    return locked


def load_published() -> list[SchemeVersion]:
    """Load the published schemes as approved versions; a second run changes nothing. Returns what is new."""
    wanted: list[tuple[str, str, EngineScheme, Ladder | None, str, dt.date]] = [
        (
            "wendeng-rural",
            "文登区农村居民信用积分",
            published.wendeng_rural(),
            published.ladder("wendeng_rural_star"),
            "威文办发〔2019〕20号",
            dt.date(2020, 1, 1),
        )
    ]
    names = {
        "rongcheng-dongdaoliujia": "荣成市东岛刘家村",
        "guanxian-rural": "冠县农村居民（助餐）",
        "guangzhou-timebank": "广州公益“时间”银行",
        "hailin": "海林",
        "longxian-beicheng": "陇县北城社区时间存折",
    }
    for slug, scheme in published.other_schemes().items():
        wanted.append((slug, names[slug], scheme, None, scheme.rules[0].source, dt.date(2020, 1, 1)))
    new = []
    for slug, name, scheme, ladder, source, day in wanted:
        if SchemeVersion.objects.filter(scheme__slug=slug).exists():
            continue
        draft = draft_version(slug=slug, name=name, scheme=scheme, effective_from=day, ladder=ladder, source=source)
        new.append(approve_version(version=draft, approved_as=source))
    return new
