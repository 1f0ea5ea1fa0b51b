"""Where the demo plays: the real villages of two towns, and what happens in them."""

from __future__ import annotations

from dataclasses import dataclass

COUNTY = "371003000000"  # 文登区
CITY = "371000000000"  # 威海市
ZEKU = "371003104000"  # 泽库镇
GAOCUN = "371003103000"  # 高村镇
HOME = "371003104204"  # 辛旺庄
POOR = "371003104222"  # 寨西: its fund is far too poor for its points

# Villages that the sources name (seed_places.csv): they have a counter of their own and more going on.
MARKET_VILLAGES = (
    HOME,
    "371003104215",  # 周家
    "371003104222",  # 寨西
    "371003104220",  # 寨里
    "371003104202",  # 南辛庄
    "371003104216",  # 刘家
    "371003103216",  # 墩后
)

# Three schemes in use. The county has Wendeng's published tiers (some five hours a point), the towns a published table
# of an hour for a point, the home village its own: copied from the county's, but parts of an hour count.
COUNTY_SCHEME = "wendeng-rural"
TOWN_SCHEME = "longxian-beicheng"
OWN_SCHEME = "辛旺庄积分办法"
OWN_HOURS = {
    "activity": "志愿服务每小时1分，零头按比例",
    "category": "志愿服务",
    "points": "1",
    "unit": "per_hour",
    "cap": "8/day",
}
# What a point is worth there, in yuan: the work behind it. The catalogue's list is in yuan, so prices follow.
YUAN_A_POINT, YUAN_A_TIER_POINT = 5, 20
TIERS = "371003103216"  # 墩后 keeps the county's tiers
JOINED = 10  # villages of Gaocun that take part beside it; of Zeku all do
# Of a town, for every village in it (fen a time): who has no counter at home goes there, or is visited.
TOWN_SUPPLIERS = (
    ("便民浴室", "Town bath", "bath", "S002", 1000, "镇政府南街12号", "12:00–20:00"),
    ("磨刀修伞摊", "Grinder's stall", "team", "S006", 500, "逢集日在镇集市", "7:00–11:00"),
    ("流动理发车", "Barber's van", "barber", "S001", 1500, "每周到各村，见村务公开栏", "8:00–17:00"),
)
# Gone at home when the visitor comes: asked for more than the village bought.
SOLD_OUT = ("G012", "G108", "G101")


@dataclass(frozen=True)
class Occasion:
    """A kind of activity: what, where in a village, from which hour, for how long, for how many."""

    category: str
    title: str
    place: str
    hour: int
    minutes: int
    capacity: int


CLEAN = Occasion("clean", "清洁村庄：主街与河道", "村口老槐树下", 8, 240, 12)
OCCASIONS = (
    CLEAN,
    Occasion("elder", "探访独居老人，量血压、拉家常", "村民服务中心门前", 9, 120, 8),
    Occasion("canteen", "幸福餐桌帮厨与送餐", "幸福餐桌", 9, 180, 6),
    Occasion("farm", "信用农场除草与采收", "信用农场", 7, 240, 10),
    Occasion("safety", "夜间平安巡防", "村委会", 19, 120, 6),
    Occasion("repair", "义务维修长椅与路灯", "文化广场", 14, 180, 6),
    Occasion("culture", "秧歌队排练，备演丰收节", "文化广场", 18, 120, 14),
    Occasion("clean", "海滩净滩，捡拾渔网与泡沫", "村前海滩", 8, 180, 12),
    Occasion("teach", "智能手机课：挂号、缴费、视频", "新时代文明实践站", 14, 120, 8),
)

# What people do besides, by the categories of the published table: minutes really given, and what it was.
DEEDS = (
    ("neighbour", 60, "帮邻居收花生"),
    ("neighbour_machine", 90, "用三轮车帮邻居拉玉米"),
    ("own_machine", 180, "自带旋耕机参加村集体整地"),
    ("facility", 120, "修好文化广场的健身器材"),
    ("hardship", 60, "帮困难户打扫院子"),
    ("training", 90, "参加科普培训"),
)
