"""What of the demo's home village is copied, and what must be different in each copy."""

from __future__ import annotations

from dataclasses import dataclass, field

FAMILIES = "禾麦稻粟豆瓜葵苗穗薯棉麻艾蒲荷莲菱藻茶桑枣杏桃榆槐柏枫桐"
GIVEN = "立春雨水惊蛰谷清明夏小满芒种暑秋处白露寒霜降冬雪晨光晚霞朝夕照新月"


@dataclass
class Table:
    """A table to copy: which rows, which columns point at copied tables, and what must be different in each copy."""

    name: str
    rows: str
    links: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)  # column: SQL; {id} is the new id, k the copy
    where: str = "true"
    once: bool = False  # once for each village, not for each copy
    people: bool = False  # also in the copies of people alone
    base: int = 0
    count: int = 0


NAME = (
    f"substr('{FAMILIES}', 1 + ({{id}} % {len(FAMILIES)})::int, 1)"
    f" || substr('{GIVEN}', 1 + ({{id}} / 28 % {len(GIVEN)})::int, 1)"
    f" || substr('{GIVEN}', 1 + ({{id}} / 952 % {len(GIVEN)})::int, 1)"
)
LIVED = "village_id = {home}"
WORK = "(s.state = 'credited' OR k.shift = 0)"
TABLES = [
    Table("registry_household", "region_id = {home}", {"head_id": "registry_resident"},
          {"number": "s.number || '-' || k.c", "region_id": "k.region"}, people=True),
    Table("registry_resident", f"{LIVED} AND status = 'active'", {"household_id": "registry_household"},
          {"user_id": "NULL", "volunteer_number": "(9000000000 + {id})::text", "name": NAME, "name_key": NAME,
           "phone": "'15' || lpad({id}::text, 9, '0')", "id_number_digest": "''", "id_number_encrypted": "''",
           "village_id": "k.region", "merged_into_id": "NULL"}, people=True),
    Table("registry_residence", "resident_id IN (SELECT old FROM m_registry_resident) AND until IS NULL",
          {"resident_id": "registry_resident"}, {"village_id": "k.region"}, people=True),
    Table("registry_consent", "resident_id IN (SELECT old FROM m_registry_resident)",
          {"resident_id": "registry_resident"}, people=True),
    Table("service_standing", "resident_id IN (SELECT old FROM m_registry_resident)",
          {"resident_id": "registry_resident"}),
    Table("service_team", "region_id = {home}", {"parent_id": "service_team"},
          {"name": "s.name || '（' || k.c || '）'", "region_id": "k.region"}, once=True),
    Table("service_activity", "village_id = {home} AND team_id IN (SELECT old FROM m_service_team)",
          {"team_id": "service_team"}, {"village_id": "k.region", "series_id": "NULL"},
          where="(s.status <> 'open' OR k.shift = 0)"),
    Table("service_signup", "activity_id IN (SELECT old FROM m_service_activity)"
          " AND resident_id IN (SELECT old FROM m_registry_resident)",
          {"activity_id": "service_activity", "resident_id": "registry_resident"},
          where="EXISTS (SELECT 1 FROM service_activity a WHERE a.id = s.activity_id"
          " AND (a.status <> 'open' OR k.shift = 0))"),
    Table("service_attendance", "activity_id IN (SELECT old FROM m_service_activity)"
          " AND resident_id IN (SELECT old FROM m_registry_resident)",
          {"activity_id": "service_activity", "resident_id": "registry_resident"},
          where="EXISTS (SELECT 1 FROM service_activity a WHERE a.id = s.activity_id"
          " AND (a.status <> 'open' OR k.shift = 0))"),
    Table("service_noticelist", LIVED, {}, {"village_id": "k.region", "number": "s.number + 1000 * k.c"}),
    Table("service_record", f"{LIVED} AND resident_id IN (SELECT old FROM m_registry_resident)"
          " AND state <> 'reversed' AND (activity_id IS NULL OR activity_id IN (SELECT old FROM m_service_activity))",
          {"activity_id": "service_activity", "attendance_id": "service_attendance",
           "notice_list_id": "service_noticelist", "resident_id": "registry_resident"},
          {"village_id": "k.region",
           "transfer_key": "CASE WHEN s.transfer_key = '' THEN '' ELSE 'mint:record:' || {id} END"}, where=WORK),
    Table("service_recordchange", "record_id IN (SELECT old FROM m_service_record)", {"record_id": "service_record"},
          {"on_behalf_of_id": "NULL"},
          where="EXISTS (SELECT 1 FROM service_record r WHERE r.id = s.record_id"
          " AND (r.state = 'credited' OR k.shift = 0))"),
    Table("partner_partner", LIVED, {}, {"village_id": "k.region", "code": "s.code || '-' || k.c",
          "name": "s.name || k.c", "organisation_id": "NULL"}, once=True),
    Table("partner_stockrecord", "partner_id IN (SELECT old FROM m_partner_partner)",
          {"partner_id": "partner_partner"}, once=True),
    Table("rewards_redemption", f"{LIVED} AND state = 'handed_over' AND id IN (SELECT redemption FROM paid)",
          {"resident_id": "registry_resident"},
          {"village_id": "k.region", "key": "gen_random_uuid()", "basket_id": "NULL",
           "transfer_id": "(SELECT p.transfer FROM posted p WHERE p.redemption = {id})"}),
    Table("order_order", "redemption_id IN (SELECT old FROM m_rewards_redemption)",
          {"redemption_id": "rewards_redemption", "partner_id": "partner_partner"},
          {"village_id": "k.region", "number": "(800000000000 + {id})::text", "basket_id": "NULL", "user_id": "NULL"}),
    Table("order_line", "order_id IN (SELECT old FROM m_order_order)",
          {"order_id": "order_order", "partner_id": "partner_partner", "stockrecord_id": "partner_stockrecord"}),
    Table("rewards_ticket", "order_id IN (SELECT old FROM m_order_order)",
          {"redemption_id": "rewards_redemption", "order_id": "order_order", "line_id": "order_line",
           "partner_id": "partner_partner", "stockrecord_id": "partner_stockrecord",
           "resident_id": "registry_resident"},
          {"code": "'0' || lpad({id}::text, 9, '0')", "hand_over_transfer_id": "NULL"}),
]  # fmt: skip
SHELVES = (
    """CREATE TEMP TABLE supplier AS SELECT n, (SELECT max(id) FROM partner_partner) + n AS id
    FROM generate_series(1, 40) n""",
    """INSERT INTO partner_partner (id, code, name, is_active, kind, name_en, opening_hours, phone, place, village_id)
    SELECT supplier.id, 'bench-' || n, s.name || '·' || n, true, s.kind, s.name_en, s.opening_hours, s.phone, s.place,
    town.id FROM supplier, registry_region home JOIN registry_region town
    ON town.path = left(home.path, length(home.path) - 4), LATERAL (SELECT * FROM partner_partner
    WHERE village_id = home.id AND kind = 'shop' ORDER BY id LIMIT 1) s WHERE home.id = {home}""",
    """CREATE TEMP TABLE reward AS SELECT s.id AS old, n, row_number() OVER () + (SELECT max(id) FROM catalogue_product)
    AS id FROM catalogue_product s, generate_series(1, {shelves}) n WHERE s.is_public""",
    """INSERT INTO catalogue_product SELECT (jsonb_populate_record(s, jsonb_build_object('id', r.id, 'upc', NULL,
    'code', 'bench-' || r.id, 'slug', s.slug || '-' || r.n, 'title', s.title || ' ' || r.n,
    'search_text', s.search_text || ' ' || r.n))).* FROM reward r JOIN catalogue_product s ON s.id = r.old""",
    """INSERT INTO catalogue_productcategory (id, product_id, category_id) SELECT row_number() OVER ()
    + (SELECT max(id) FROM catalogue_productcategory), r.id, c.category_id FROM reward r
    JOIN catalogue_productcategory c ON c.product_id = r.old""",
    """INSERT INTO partner_stockrecord SELECT (jsonb_populate_record(l.s, jsonb_build_object('id', r.id
    + (SELECT max(id) FROM partner_stockrecord), 'partner_sku', 'bench-' || r.id, 'num_in_stock',
    CASE WHEN (l.s).num_in_stock IS NULL THEN NULL ELSE 500 END, 'num_allocated', (l.s).num_allocated * 0,
    'date_created', now(), 'date_updated', now(), 'partner_id', supplier.id, 'product_id', r.id))).*
    FROM reward r JOIN supplier ON supplier.n = 1 + r.n % 40
    JOIN LATERAL (SELECT s FROM partner_stockrecord s WHERE product_id = r.old ORDER BY id LIMIT 1) l ON true""",
)
SERIALS = ("partner_partner", "catalogue_product", "catalogue_productcategory", "partner_stockrecord")
BY_NAME = {table.name: table for table in TABLES}
