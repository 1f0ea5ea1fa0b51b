"""The cast of the matrix: one person for each role, and one thing of each kind that belongs to one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

# Whom the rows of the matrix name.
ROLES = (
    "nobody",  # not signed in
    "holder",  # a resident: the things asked for are theirs
    "neighbour",  # a resident of the same village, of another household
    "stranger",  # a resident of another village
    "leader",  # leads the team that runs the activity
    "clerk",  # supplier staff of the bath house
    "keeper",  # stock keeper of the village
    "purser",  # fund keeper of the village
    "admin",  # village admin
    "far_admin",  # village admin of a village in another town
    "town",  # town admin above the village
    "operator",  # of the platform
    "giver",  # works for a sponsor of the town
)


def added_roles() -> list[str]:
    """Name the roles that apps of the tests declare: each gets a person in the village, and a place in every row."""
    from django.apps import apps

    from timebank.registry import roles

    declared = roles.table().app_of.items()
    return [role for role, app in declared if apps.get_app_config(app).name.startswith("tests.")]


@dataclass
class Cast:
    """Who is there, and the arguments that an address needs."""

    users: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def sign_in(self, client: Client, role: str) -> None:
        """Let the client go on as this role, with the session made with the cast: signing in costs more than a page."""
        client.cookies.clear()
        if self.users[role] is not None:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]


def make_cast() -> Cast:
    """Set the stage, through the public services only."""
    from django.utils import timezone

    from tests.factories.service import make_world
    from timebank.registry import services as registry
    from timebank.registry.models import Resident, User

    world = make_world()
    cast = Cast()
    cast.users = {
        "nobody": None,
        "holder": world.wang.user,
        "neighbour": world.li.user,
        "stranger": world.resident("周远", village=world.far).user,
        "leader": world.leader,
        "admin": world.admin,
        "far_admin": world.stranger,
        "operator": User.objects.create_superuser(username="operator", password="a-long-password"),
    }
    staff = [
        ("keeper", "stock_keeper", world.village),
        ("purser", "fund_keeper", world.village),
        ("town", "town_admin", world.town),
    ]
    staff += [(role, role, world.village) for role in added_roles()]
    for name, role, region in staff:
        cast.users[name] = User.objects.create_user(name=name, email=f"{name}@shanji.example", password="a-long-pass")
        registry.grant_role(user=cast.users[name], role=role, actor=None, region=region)
    baths = registry.register_organisation(name="澡堂", kind="supplier", region=world.village, actor=world.admin)
    cast.users["clerk"] = User.objects.create_user(name="clerk", email="clerk@shanji.example", password="a-long-pass")
    registry.grant_role(user=cast.users["clerk"], role="supplier_staff", actor=None, organisation=baths)
    _people(cast, world)
    _hours(cast, world)
    _schemes(cast, world)
    _market(cast, world)
    _redeemed(cast, world, baths)
    _desk(cast, world)
    _funds(cast, world)
    _payments(cast, world)
    _sponsors(cast, world)
    _villages(cast, world)
    # Whoever signs in for the first time is confirmed by it: all of them have been here before.
    Resident.objects.filter(user__isnull=False, status="active").update(
        confirmed_at=timezone.now(), confirmed_how="sign_in"
    )
    for role, user in cast.users.items():
        if user is not None:
            client = Client()
            client.force_login(user)
            cast.sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return cast


def _villages(cast: Cast, world: Any) -> None:
    """Let the village have a team with a member, a supplier and an opening list; the setup is over."""
    import datetime as dt

    from marketplace.partner.models import StockRecord
    from marketplace.partner.services import create_partner
    from marketplace.rewards import services as rewards
    from marketplace.rewards.services import opening as first_count
    from marketplace.rewards.services import shelf, suppliers, transfers
    from marketplace.rewards.services.goods_imports import begin_goods_import
    from timebank.messages.models import Message
    from timebank.registry.models import Region
    from timebank.service.services import teams
    from timebank.villages.services import opening

    county = Region.objects.get(path=world.town.path[: -Region.steplen])
    member = teams.add_member(team=world.team, resident=world.li, actor=world.admin)
    partner = suppliers.open_supplier(
        region=world.village, name="理发店", kind="barber", place="村口", opening_hours="9–17", actor=world.admin
    )
    listed = shelf.list_on_shelf(partner=partner, title="毛巾", kind="goods", actor=cast.users["keeper"])
    counted = first_count.count_opening(
        partner=partner, counted=[(listed, 3)], counted_on=dt.date(2026, 1, 1), actor=cast.users["keeper"]
    )
    sent = transfers.send_stock(
        stockrecord=StockRecord.objects.get(partner_sku="M-SOAP"),
        target=create_partner(name="周家店", village=world.other),
        quantity=1,
        actor=cast.users["keeper"],
    )
    broken = rewards.adjust_stock(
        stockrecord=sent.stockrecord, quantity=1, actor=cast.users["keeper"], reason="坏", kind="write_off"
    )
    message = Message.objects.create(event_number=0, kind="resident_moved", resident=world.wang)
    place = {"place": world.village.pk}
    setup = {"token": "x" * 32}
    below = {**setup, "county": county.pk}
    lines = [opening.Line(2, world.li.name, points=100)]
    facts = {"title": "结余", "signed_on": dt.date(2026, 1, 1), "paper": "夹"}
    signed = opening.enter_opening(village=world.village, lines=lines, actor=world.admin, **facts).opening
    loading = begin_goods_import(
        region=world.village, lines=[], file_name="货.xlsx", reason="", actor=cast.users["keeper"]
    )
    cast.arguments |= {
        "desk:shelf": lambda: place,
        "desk:goods_list": lambda: place,
        "desk:goods_example": lambda: {**place, "form": "csv"},
        "desk:goods_import": lambda: {"pk": loading.pk},
        "desk:what_if": lambda: place,
        "desk:shelf_labels": lambda: place,
        "desk:price": lambda: {"pk": listed.pk},
        "desk:shelf_fill": lambda: place,
        "desk:shelf_prices": lambda: place,
        "desk:picture": lambda: {"pk": listed.pk},
        "desk:opening_counts": lambda: place,
        "desk:opening_count": lambda: {"pk": counted.pk},
        "desk:transfers": lambda: place,
        "desk:transfer": lambda: {"pk": sent.pk},
        "desk:write_offs": lambda: place,
        "desk:write_off": lambda: {"pk": broken.pk},
        "desk:send_stock": lambda: {"pk": sent.stockrecord_id},
        "desk:list_reward": lambda: {"pk": partner.pk},
        "inbox:seen": lambda: {"pk": message.pk},
        "villages:setup": lambda: setup,
        "villages:setup_example": lambda: {**setup, "form": "csv"},
        "villages:setup_county": lambda: setup,
        "villages:setup_town": lambda: below,
        "villages:setup_finish": lambda: {**below, "town": world.town.pk},
        "villages:founding": lambda: place,
        "villages:office": lambda: place,
        "villages:openings": lambda: place,
        "villages:opening": lambda: {"pk": signed.pk},
        "villages:open": lambda: place,
        "villages:appoint": lambda: {**place, "role": "stock_keeper"},
        "service:teams": lambda: place,
        "service:team_found": lambda: place,
        "service:team": lambda: {"pk": world.team.pk},
        "service:team_change": lambda: {"pk": world.team.pk},
        "service:team_close": lambda: {"pk": world.team.pk},
        "service:team_member_end": lambda: {"pk": world.team.pk, "member": member.pk},
        "desk:suppliers": lambda: place,
        "desk:new_supplier": lambda: place,
        "desk:supplier": lambda: {"pk": partner.pk},
    }


def _people(cast: Cast, world: Any) -> None:
    """Give the holder a card and a helper."""
    from timebank.registry import services as registry

    card = registry.issue_card(resident=world.wang, actor=world.admin, pin="271828")
    nephew = world.resident("王侄").user
    proxy = registry.add_proxy(resident=world.wang, helper=nephew, relation="nephew", actor=world.wang.user)
    cast.arguments |= {
        "rewards:receipt": lambda: {"pk": 1},
        "registry:end_helper": lambda: {"pk": proxy.pk},
        "registry:export": lambda: {"form": "json"},
        "registry:card_print": lambda: {"pk": card.pk},
        "registry:card": lambda: {"number": card.number},
        "styleguide:error": lambda: {"code": 404},
    }
    _lists(cast, world)
    _cases(cast, world, nephew)


def _cases(cast: Cast, world: Any, nephew: Any) -> None:
    """Let the holder be looked at, a correction be asked for and a death be reported."""
    import datetime as dt

    from timebank.registry.models import PhoneChange, RoleGrant
    from timebank.registry.services import cases, corrections, devices, proxies, second_factor

    asked = corrections.ask_correction(resident=world.wang, text="名字写错了", actor=world.wang.user)
    gone = world.resident("孙老", phone=False)
    case = cases.propose_death(resident=gone, died_on=dt.date(2026, 9, 1), heir=None, reason="报", actor=world.admin)
    wanted = proxies.ask_helper(resident=gone, helper=world.li.user, relation="kin", actor=world.admin)
    holder, forgetful = {"pk": world.wang.pk}, world.resident("忘密码")
    secret = second_factor.new_secret()
    second_factor.set_up(user=forgetful.user, secret=secret, code=second_factor.current_code(secret))
    device, _token = devices.ask_device(user=world.leader)
    change = PhoneChange.objects.create(user=world.wang.user, new_phone="13700000099", code_digest="0")
    office = RoleGrant.objects.get(user=world.leader, role="leader", ended_at=None)
    village = {"place": world.village.pk}
    for name in ("move_resident", "give_sign_in", "merge_resident", "resident_death", "household"):
        cast.arguments[f"registry:{name}"] = lambda: holder
    for name in ("cases", "corrections", "households", "card_sheet"):
        cast.arguments[f"registry:{name}"] = lambda: village
    cast.arguments |= {
        "registry:passbook": lambda: holder,
        "photograph": lambda: {"path": "images/none.jpg"},
        "registry:reset_password": lambda: {"pk": forgetful.user_id},
        "registry:end_factor": lambda: {"pk": forgetful.user_id},
        "registry:devices": lambda: village,
        "registry:looks": lambda: village,
        "registry:approve_device": lambda: {"pk": device.pk},
        "registry:end_device": lambda: {"pk": device.pk},
        "registry:phone_code": lambda: {"pk": change.pk},
        "registry:office": lambda: {"pk": office.pk},
        "registry:confirm_resident": lambda: {"pk": gone.pk},
        "registry:answer_helper": lambda: {"pk": wanted.pk},
        "registry:confirm_helper": lambda: {"pk": wanted.pk},
        "registry:case": lambda: {"pk": case.pk},
        "registry:correction": lambda: {"pk": asked.pk},
    }


def _lists(cast: Cast, world: Any) -> None:
    """Let the village admin hand in a list of which one row is refused."""
    from io import BytesIO

    from timebank.registry.services.resident_imports import reading

    file = BytesIO("姓名,手机号\n新一,13700000011\n新二,1\n".encode())
    source = reading.read_import(file=file, file_name="名单.csv", village=world.village, actor=world.admin)
    cast.arguments |= {
        "registry:resident_lists": lambda: {"place": world.village.pk},
        "registry:residents_example": lambda: {"place": world.village.pk, "form": "csv"},
        "registry:resident_list": lambda: {"pk": source.pk},
        "registry:refused_rows": lambda: {"pk": source.pk, "form": "csv"},
    }


def _hours(cast: Cast, world: Any) -> None:
    """Open an activity that is about to begin, and put yesterday's hours of the holder on public notice."""
    import datetime as dt

    from django.utils import timezone

    from timebank.service import services
    from timebank.service.services.credit import CREDIT

    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    yesterday = now - dt.timedelta(days=1)
    old = now - dt.timedelta(days=20)
    times = {"starts_at": old, "ends_at": old + dt.timedelta(hours=2)}
    credited = world.published(world.resident("旧时工"), minutes=120, **times)[0]
    # The sweep's own rows: this stage stands in one transaction, where none may be durable.
    CREDIT.handle(credited.resident_id, credited.notice_until)
    times = {"starts_at": yesterday, "ends_at": yesterday + dt.timedelta(hours=2)}
    record = world.published(world.wang, minutes=120, **times)[0]
    # To begin in an hour from this minute, not at the next full hour: that may come while the tests run.
    minute = timezone.now().replace(second=0, microsecond=0)
    coming = world.activity(starts_at=minute + dt.timedelta(hours=1), ends_at=minute + dt.timedelta(hours=3))
    services.sign_up(activity=coming, resident=world.wang, actor=world.wang.user, now=now)
    paper = {"served_on": old.date(), "minutes": 30, "actor": world.leader}
    returned = services.enter_record(resident=world.wang, category="farm", now=yesterday, **paper)
    services.return_record(record=returned, actor=world.verifier, reason="哪块地？", now=now)
    activity = {"pk": coming.pk}
    for name in (
        "activity",
        "activity_calendar",
        "sign_up",
        "withdraw",
        "lead_activity",
        "lead_code",
        "lead_tap",
        "lead_card",
    ):
        cast.arguments[f"service:{name}"] = lambda: activity
    for name in ("lead_places", "lead_close", "lead_cancel", "lead_change", "lead_walk_in", "lead_enter"):
        cast.arguments[f"service:{name}"] = lambda: activity
    came = world.resident("钟来过")
    services.check_in(activity=coming, resident=came, actor=world.leader, now=minute)
    cast.arguments |= {
        "service:lead_state": lambda: {"pk": coming.pk, "resident_pk": came.pk},
        "service:attend": lambda: {"token": services.attendance_token(coming, timezone.now())},
        "service:record": lambda: {"pk": record.pk},
        "service:record_mend": lambda: {"pk": returned.pk},
        "service:record_reverse": lambda: {"pk": credited.pk},
        "service:record_name": lambda: {"pk": record.pk},
        "service:notice": lambda: {"pk": world.village.pk},
        "service:notice_print": lambda: {"pk": world.village.pk},
        "service:object": lambda: {"pk": world.village.pk, "record_pk": record.pk},
    }


def _schemes(cast: Cast, world: Any) -> None:
    """Let the town draft a scheme of its own, by copying what is published."""
    import datetime as dt

    from timebank.policy import services as policy
    from timebank.policy.selectors import version_in_force

    published = version_in_force("wendeng-rural", dt.date(2026, 9, 1))
    draft = policy.copy_version(
        version=published,
        actor=cast.users["town"],
        name="泽库镇试行",
        region=world.town,
        effective_from=dt.date(2027, 1, 1),
    )
    names = {"slug": draft.scheme.slug, "number": draft.number}
    cast.arguments |= {
        "service:scheme": lambda: {"slug": "wendeng-rural", "number": 1},
        "service:scheme_copy": lambda: {"slug": "wendeng-rural", "number": 1},
        "service:scheme_approve": lambda: names,
        "service:scheme_discard": lambda: names,
        "service:scheme_new_rule": lambda: names,
        "service:scheme_rule": lambda: {**names, "code": "training"},
        "service:scheme_simulate": lambda: names,
    }


def _market(cast: Cast, world: Any) -> None:
    """List a reward in the holder's village and put one into the holder's basket."""
    from decimal import Decimal

    from marketplace.basket.models import Basket
    from marketplace.basket.services import add_to_basket
    from marketplace.catalogue.models import Product, ProductClass
    from marketplace.catalogue.services import ensure_category
    from marketplace.partner.models import StockRecord
    from marketplace.partner.services import create_partner
    from marketplace.partner.strategy import Selector

    goods = ProductClass.objects.get_or_create(slug="soap", defaults={"name": "实物", "requires_shipping": False})[0]
    soap = Product.objects.create(title="香皂", upc="M-SOAP", product_class=goods)
    category = ensure_category(path="日用品")
    soap.categories.add(category)
    shop = create_partner(name="小卖部", village=world.village)
    StockRecord.objects.create(product=soap, partner=shop, partner_sku="M-SOAP", price=Decimal(5), num_in_stock=9)
    basket = Basket.open.create(owner=world.wang.user)
    basket.strategy = Selector().strategy(resident=world.wang)
    line = add_to_basket(basket=basket, product=soap)
    cast.arguments |= {
        "catalogue:detail": lambda: {"product_slug": soap.slug, "pk": soap.pk},
        "catalogue:category": lambda: {"category_slug": category.slug, "pk": category.pk},
        "basket:add": lambda: {"pk": soap.pk},
        "rewards:wish": lambda: {"pk": soap.pk},
        "basket:line": lambda: {"pk": line.pk},
    }


def _redeemed(cast: Cast, world: Any, baths: Any) -> None:
    """Let the holder redeem two baths at the clerk's bath house; one is handed over."""
    import uuid

    from marketplace.catalogue.models import Product, ProductClass
    from marketplace.partner.services import create_partner, list_reward
    from marketplace.rewards import services
    from tests.factories.rewards import give

    service = ProductClass.objects.create(name="服务", slug="m-service", kind="service", track_stock=False)
    bath = Product.objects.create(title="洗浴一次", upc="M-BATH", product_class=service)
    house = create_partner(name="洗浴中心", kind="bath", village=world.village, organisation=baths)
    record = list_reward(product=bath, partner=house, points=1000)
    give(world.wang, 5000)
    redemption = services.redeem(resident=world.wang, lines=[(record.pk, 2)], key=uuid.uuid4(), actor=world.wang.user)
    waiting, done = redemption.tickets.order_by("pk")
    services.hand_over(code=done.code, actor=cast.users["clerk"], nonce="matrix")
    at_house = {"pk": house.pk}
    for name in ("ticket", "cancel", "ticket_by_qr"):
        cast.arguments[f"rewards:{name}"] = lambda: {"code": waiting.code}
    for name in ("redemption", "cancel_all"):
        cast.arguments[f"rewards:{name}"] = lambda: {"key": redemption.key}
    for name in ("scan", "today", "sale", "waiting"):
        cast.arguments[f"counter:{name}"] = lambda: at_house
    for name in ("receipt", "undo_sale"):
        cast.arguments[f"counter:{name}"] = lambda: {**at_house, "key": redemption.key}
    cast.arguments["counter:undo"] = lambda: {**at_house, "code": done.code}
    cast.arguments["desk:ticket_return"] = lambda: {"pk": done.pk}


def _desk(cast: Cast, world: Any) -> None:
    """Lay one thing of each kind on the village admin's desk; the holder is the resident looked at."""
    import datetime as dt

    from django.utils import timezone

    from marketplace.partner.models import StockRecord
    from timebank.registry import services as registry
    from timebank.registry.models import Proxy, RoleGrant
    from timebank.service import services

    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    third = now - dt.timedelta(days=3)
    times = {"starts_at": third, "ends_at": third + dt.timedelta(hours=2)}
    doubted = world.published(world.resident("周老五"), minutes=120, **times)[0]
    witness = world.resident("钱证人")
    doubt = services.raise_objection(
        record=doubted, resident=witness, text="那天没看到他", actor=witness.user, now=doubted.notice_from
    )
    waiting = world.attended(world.resident("吴老六"), minutes=120, **times)[0]
    newcomer = registry.apply_to_join(
        village=world.village,
        name="新人",
        phone="13700009911",
        password="right-horse-7",
        consent_version="2026-11",
    )
    holder = world.wang.pk
    proxy = Proxy.objects.filter(resident=world.wang).first()
    grant = RoleGrant.objects.get(user=world.leader)
    good = StockRecord.objects.get(partner_sku="M-SOAP")
    assert proxy is not None
    cast.arguments |= {
        "desk:tile": lambda: {"name": "points"},
        "desk:record": lambda: {"pk": waiting.pk},
        "desk:undo_verification": lambda: {"pk": waiting.pk},
        "desk:withdraw_notice": lambda: {"pk": doubted.notice_list_id},
        "desk:notice_print": lambda: {"pk": doubted.notice_list_id},
        "desk:objection": lambda: {"pk": doubt.pk},
        "desk:answer_request": lambda: {"pk": newcomer.pk},
        "desk:end_helper": lambda: {"pk": holder, "proxy_pk": proxy.pk},
        "desk:stock_item": lambda: {"pk": good.pk},
        "desk:month": lambda: {"year": 2026, "month": 9},
        "desk:end_role": lambda: {"pk": grant.pk},
        "desk:hand_over": lambda: {"pk": grant.pk},
    }
    for name in ("resident", "issue_card", "block_card", "add_helper"):
        cast.arguments[f"desk:{name}"] = lambda: {"pk": holder}


def _funds(cast: Cast, world: Any) -> None:
    """Open the village's fund, with a purpose, a statement of the bath house and an invoice."""
    import datetime as dt
    import uuid

    from marketplace.funds.models import BankFile, Expense, Payee, Statement
    from marketplace.funds.services import payouts, setup
    from marketplace.funds.services.common import keep_file
    from marketplace.partner.models import Partner

    keeper, town = cast.users["keeper"], cast.users["town"]
    fund = setup.open_fund(region=world.village, actor=None)
    purpose = setup.open_purpose(fund=fund, name="洗浴", actor=None, key=uuid.uuid4())
    bath = Partner.objects.get(name="洗浴中心")
    day = dt.date(2026, 10, 1)
    statement = Statement.objects.create(partner=bath, first_day=day, last_day=dt.date(2026, 10, 31), state="issued")
    paper = keep_file(name="x.pdf", data=b"%PDF-1.7", actor=keeper)
    payee = Payee.objects.create(region=world.village, name="匠心施工队")
    expense = Expense.objects.create(
        fund=fund, payee=payee, fen=100, text="木料", voucher_number="1", voucher=paper, prepared_by=keeper
    )
    file = BankFile.objects.create(
        bank_account=fund.bank_account,
        format=payouts.default_format(),
        key=uuid.uuid4(),
        fen=1,
        count=1,
        sha256="0" * 64,
        written_by=town,
    )
    at_fund = {"fund_pk": fund.pk}
    lists = "fund refresh purposes prices budgets lines expenses goods payees periods approvals decide payouts terms"
    for name in [*lists.split(), "statements", "public"]:
        cast.arguments[f"funds:{name}"] = lambda: at_fund
    cast.arguments |= {
        "funds:purpose": lambda: {**at_fund, "pk": purpose.pk},
        "funds:payee": lambda: {**at_fund, "pk": payee.pk},
        "funds:attachment": lambda: {**at_fund, "pk": paper.pk},
        "funds:bank_file": lambda: {**at_fund, "pk": file.pk},
        "funds:pay_expense": lambda: {**at_fund, "pk": expense.pk},
        "funds:statement": lambda: {"pk": statement.pk},
        "funds:supplier": lambda: {"pk": bath.pk},
    }


def _sponsors(cast: Cast, world: Any) -> None:
    """Let a sponsor be approved, claim a need, promise goods and announce them; its papers are there."""
    import datetime as dt
    import uuid

    from django.utils import timezone

    from marketplace.sponsors.services import deliveries, enterprises, needs, organisations, papers, pledges

    town, day = cast.users["town"], timezone.localdate() + dt.timedelta(days=30)
    sponsor = enterprises.apply_as_sponsor(
        name="晨光食品",
        region=world.town,
        uscc="91371003MA3C1LBC2A",
        contact_name="赵经理",
        contact_phone="13700009903",
        password="a-long-pass",
    )
    enterprises.decide_application(enterprise=sponsor, actor=town, approve=True)
    giver = cast.users["giver"] = sponsor.applied_by
    facts = {"title": "修缮浴室", "text": "浴室漏水。", "target": "老人", "budget_fen": 100000, "deadline": day}
    need = needs.write_need(region=world.village, actor=world.admin, **facts)
    needs.publish_need(need=need, actor=world.admin)
    claim = needs.ask_claim(need=need, enterprise=sponsor, wished_name="晨光", actor=giver)
    needs.decide_claim(claim=claim, actor=world.admin, grant=True)
    made = pledges.make_pledge(
        enterprise=sponsor,
        fund=need.fund,
        kind="goods",
        nature="donation",
        text="香皂",
        units=9,
        due_on=day,
        actor=giver,
    )
    pledges.submit_pledge(pledge=made, actor=giver)
    made = pledges.decide_pledge(pledge=made, actor=town, accept=True)
    delivery = deliveries.announce_delivery(pledge=made, units=9, expected_on=day, actor=giver)
    receipt = papers.issue_receipt(pledge=made, source="payment:1", fen=100, text="款", actor=None)
    agreement = papers.make_agreement(pledge=made, actor=giver)
    papers.sign_agreement(agreement=agreement, actor=giver, file_name="a.pdf", data=b"%PDF-1.7")
    invitation = organisations.invite(organisation=sponsor.organisation, phone_number="13700009902", actor=giver)
    keys = {
        "need": need.pk,
        "desk_need": need.pk,
        "need_pledge": need.pk,
        "pledge": made.pk,
        "desk_pledge": made.pk,
        "pay": made.pk,
        "delivery": delivery.pk,
        "receipt": receipt.pk,
        "agreement": agreement.pk,
        "organisation": sponsor.organisation_id,
    }
    for name, key in keys.items():
        cast.arguments[f"sponsors:{name}"] = lambda key=key: {"pk": key}
    code: uuid.UUID = invitation.code
    cast.arguments |= {
        "sponsors:signed": lambda: {"pk": agreement.pk, "which": "sponsor"},
        "sponsors:year": lambda: {"year": 2026},
        "sponsors:invited": lambda: {"code": code},
    }


def fingerprint() -> dict[str, int]:
    """Count the rows of every table that a refused request must leave alone, in one statement."""
    from django.apps import apps

    kept = [
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.name.startswith(("timebank.", "marketplace.", "oscar.apps."))
        for model in config.get_models()
        if model._meta.managed and model._meta.label != "common.Attempt"  # tries are counted, refused or not
    ]
    quoted = [connection.ops.quote_name(table) for table in sorted(set(kept))]
    union = " UNION ALL ".join(f"SELECT '{table}', COUNT(*) FROM {table}" for table in quoted)
    with connection.cursor() as cursor:
        cursor.execute(union)
        return dict(cursor.fetchall())


# A statement that can write no row; the ledger's own functions are called by SELECT, too. Nearly every answer, refused
# or not, moves on when its session was last seen: no reason to count all rows.
READ = re.compile(r"\s*(?:SELECT(?!.*\bledger_\w+\()|SAVEPOINT|RELEASE|ROLLBACK TO|UPDATE \"django_session\" )", re.S)


@contextmanager
def statements_that_write() -> Iterator[list[str]]:
    """Collect the statements that may have written a row."""
    found: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if not READ.match(sql):
            found.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield found


def _payments(cast: Cast, world: Any) -> None:
    """Announce a transfer to the village's fund."""
    import uuid

    from django.utils import timezone

    from marketplace.funds.models import Fund
    from marketplace.payments.models import BalanceTransaction
    from marketplace.payments.services import by_hand

    fund = Fund.objects.get(region=world.village)
    payment = by_hand.announce_transfer(
        fund=fund, amount_fen=100_000, key=uuid.uuid4(), title="捐款", actor=cast.users["town"]
    )
    for name in ("status", "return", "cancelled", "cancel"):
        cast.arguments[f"payments:{name}"] = lambda: {"public_id": payment.public_id}
    for name in ("payment", "confirm", "bank_line", "withdraw", "retry"):
        cast.arguments[f"payments:{name}"] = lambda: {"pk": payment.pk}
    line = BalanceTransaction.objects.create(
        txn="txn_1",
        provider="stripe",
        kind="charge",
        currency="CNY",
        amount=100,
        net=100,
        stray=True,
        created_at=timezone.now(),
    )
    cast.arguments["payments:stray"] = lambda: {"pk": line.pk}
    cast.arguments["payments:decide"] = lambda: {"pk": payment.pk, "refund_pk": 1}
