"""Load what is published: the schemes that come approved, and whole tables as drafts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from timebank.policy import codec, published
from timebank.policy.engine import Scheme as EngineScheme
from timebank.policy.ladders import Ladder
from timebank.policy.models import SchemeVersion
from timebank.policy.services.drafts import add_categories
from timebank.policy.services.versions import approve_version, content_hash, draft_version, plain
from timebank.policy.tables import Benefit, Draft, TableReport

IN_FORCE = dt.date(2020, 1, 1)
NAMES = {
    "rural-resident-attach": "文登区农村居民信用积分评价（附件全表）",
    "community-addon": "文登区社区附加标准",
    "individual-district": "文登区社会成员信用评价（区级）",
    "rongcheng-dongdaoliujia": "荣成市东岛刘家村",
    "guanxian-rural": "冠县农村居民（助餐）",
    "guangzhou-timebank": "广州公益“时间”银行",
    "hangzhou-xihu-timebank": "杭州西湖时间银行",
    "hailin": "海林",
    "longxian-beicheng": "陇县北城社区时间存折",
    "alibaba-gongyishi": "阿里巴巴公益时",
    "chongqing-wubao": "重庆五宝文明积分",
    "saihan-yulin": "赛罕文明实践积分",
    "yancheng-dongsheng": "盐城东升积分",
    "dezhou-dongfeng": "德州东风社区",
    "wuqiao-laojia": "吴桥老贾村",
    "suixian-shuangzhai": "随县双寨村",
    "zaozhuang-guowa": "枣庄郭洼村",
    "wendeng-rural-star": "文登农村居民星级",
    "wendeng-individual": "文登社会成员信用等级",
    "weihai-city-haibeifen": "威海海贝分等级",
    "rongcheng-2016-2019": "荣成 2016/2019 等级（未经证实）",
    "huantai-zibo": "淄博桓台等级",
    "volunteer-star-hours": "志愿者星级（按时长）",
    "community-star-hours-ximen": "西门大街社区星级（按时长）",
    "luohe-family-card": "漯河亲情回馈卡",
}


def load_published() -> list[SchemeVersion]:
    """Load the published schemes as approved versions; a second run changes nothing. Returns what is new."""
    wanted: list[tuple[str, str, EngineScheme, Ladder | None, str]] = [
        (
            "wendeng-rural",
            "文登区农村居民信用积分",
            published.wendeng_rural(),
            published.ladder("wendeng_rural_star"),
            "威文办发〔2019〕20号",
        )
    ]
    for slug, scheme in published.other_schemes().items():
        wanted.append((slug, NAMES[slug], scheme, None, scheme.rules[0].source))
    new = []
    known = set(SchemeVersion.objects.filter(status="approved").values_list("scheme__slug", flat=True))
    for slug, name, scheme, ladder, source in wanted:
        if slug in known:
            continue
        draft = draft_version(
            slug=slug, name=name, scheme=scheme, effective_from=IN_FORCE, ladder=ladder, source=source
        )
        new.append(approve_version(version=draft, approved_as=source))
    return new


@dataclass
class ImportResult:
    """What an import did with the schemes of one file."""

    report: TableReport
    drafts: list[SchemeVersion] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


@transaction.atomic
def import_table(
    *,
    report: TableReport,
    effective_from: dt.date | None = None,
    actor: AbstractBaseUser | None = None,
    names: dict[str, str] | None = None,
) -> ImportResult:
    """Store what a table says as drafts, one a scheme; the same table again changes nothing.

    Ladders and benefits join the newest draft of their scheme, if there is one. Nothing is in force until approved.
    """
    result = ImportResult(report)
    for draft in report.drafts.values():
        if not (draft.rules or draft.levels or draft.benefits):
            continue
        add_categories(draft)
        stored = _store(draft, effective_from or IN_FORCE, actor, {**NAMES, **(names or {})})
        if stored is None:
            result.unchanged.append(draft.slug)
        else:
            result.drafts.append(stored)
    return result


def _store(
    draft: Draft, effective_from: dt.date, actor: AbstractBaseUser | None, names: dict[str, str]
) -> SchemeVersion | None:
    versions = SchemeVersion.objects.filter(scheme__slug=draft.slug).exclude(status="discarded").order_by("number")
    latest = versions.last()
    scheme, ladder, benefits = draft.scheme(), draft.ladder(), list(draft.benefits)
    questions = list(draft.questions)
    if latest is not None:  # a file of rules says nothing of the ladder, and the other way round
        scheme = scheme if draft.rules else latest.spec()
        ladder = ladder or latest.ladder()
        benefits = benefits or latest.benefit_list()
        fresh = {_about(question) for question in questions}
        questions += [question for question in latest.questions if _about(question) not in fresh]
        hashes = {content_hash(version.rules, version.ladder_data, version.benefits) for version in versions}
        if content_hash(_json(scheme, draft.slug), _ladder_json(ladder), _benefit_json(benefits)) in hashes:
            return None
        if latest.status == SchemeVersion.Status.DRAFT and latest.drafted_by == actor:
            latest.delete()  # the same hand goes on with the same draft
    return draft_version(
        slug=draft.slug,
        name=names.get(draft.slug, draft.slug),
        scheme=scheme,
        effective_from=effective_from,
        ladder=ladder,
        source=draft.source,
        benefits=benefits,
        questions=questions,
        actor=actor,
    )


def _about(question: dict[str, object]) -> tuple[object, ...]:
    return question["kind"], question.get("rule"), question.get("benefit")


def _json(scheme: EngineScheme, slug: str) -> dict[str, object]:
    data: dict[str, object] = plain({**codec.scheme_to_json(scheme), "version": slug})
    return data


def _ladder_json(ladder: Ladder | None) -> dict[str, object] | None:
    return plain(codec.ladder_to_json(ladder)) if ladder else None


def _benefit_json(benefits: Sequence[Benefit]) -> list[object]:
    data: list[object] = plain([asdict(benefit) for benefit in benefits])
    return data
