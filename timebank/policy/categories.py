"""The categories that the product brings: names in the reader's language, families, pictures.

Rongcheng's text counts 26 kinds of practice activity without listing them; these 26 are the services that the published
tables and reports describe. Villages and tables add their own: what is not listed here goes by its stored name.
"""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _


class Seed(NamedTuple):
    """A category as shipped: code, Chinese name as stored, family, unit, picture, who may enter it."""

    code: str
    name: str
    family: str
    picture: str
    unit: str = "minutes"
    entered_by: str = "leader"


PRACTICE = (
    Seed("clean", "清洁村庄", "环境", "clean"),
    Seed("sorting", "垃圾分类", "环境", "clean"),
    Seed("green", "植树护绿", "环境", "farm"),
    Seed("river", "巡河护水", "环境", "clean"),
    Seed("elder", "扶老助老", "帮扶", "elder"),
    Seed("child", "关爱儿童", "帮扶", "teach"),
    Seed("disabled", "助残服务", "帮扶", "elder"),
    Seed("visit", "入户走访", "帮扶", "elder"),
    Seed("digital", "教老人用手机", "帮扶", "teach"),
    Seed("canteen", "幸福餐桌", "便民", "canteen"),
    Seed("barber", "理发洗浴服务", "便民", "elder"),
    Seed("shop", "信用超市值守", "便民", "other"),
    Seed("repair", "便民维修", "便民", "repair"),
    Seed("legal", "法律服务", "便民", "teach"),
    Seed("health", "义诊和健康服务", "便民", "elder"),
    Seed("farm", "信用农场", "生产", "farm"),
    Seed("teach", "宣讲授课", "宣讲", "teach"),
    Seed("science", "科普和农技", "宣讲", "teach"),
    Seed("reading", "全民阅读", "文体", "culture"),
    Seed("culture", "文体活动", "文体", "culture"),
    Seed("festival", "节庆和民俗", "文体", "culture"),
    Seed("mediation", "邻里调解", "治理", "other"),
    Seed("traffic", "文明交通", "治理", "safety"),
    Seed("safety", "平安巡防", "治理", "safety"),
    Seed("first_aid", "应急救护", "应急", "safety"),
    Seed("epidemic", "防疫值守", "应急", "safety"),
)
DEEDS = (
    Seed("training", "参加培训", "参加", "teach", "times"),
    Seed("neighbour", "邻里互助", "互助", "elder", "times"),
    Seed("neighbour_machine", "邻里互助（使用机械）", "互助", "farm", "times"),
    Seed("hardship", "帮扶困难家庭", "互助", "elder", "times"),
    Seed("hardship_machine", "帮扶困难家庭（使用机械）", "互助", "farm", "times"),
    Seed("own_machine", "自带机械参加义务劳动", "互助", "farm", "times"),
    Seed("rescue", "救火防汛抢险", "应急", "safety", "times"),
    Seed("facility", "义务维修村级设施", "便民", "repair", "times"),
)
OTHERS = (
    Seed("other", "其他服务", "其他", "other"),
    Seed("donation", "捐款", "捐赠", "other", "fen", "nobody"),
)
SEEDS = (*PRACTICE, *DEEDS, *OTHERS)
SEED = {seeds.code: seeds for seeds in SEEDS}

NAMES = {
    "clean": _("Village clean-up"),
    "sorting": _("Waste sorting"),
    "green": _("Planting and green care"),
    "river": _("River patrol"),
    "elder": _("Help for elders"),
    "child": _("Care for children"),
    "disabled": _("Help for disabled people"),
    "visit": _("Visits at home"),
    "digital": _("Phones explained to elders"),
    "canteen": _("Happy canteen"),
    "barber": _("Barber and bath house"),
    "shop": _("Duty at the credit shop"),
    "repair": _("Repairs"),
    "legal": _("Legal advice"),
    "health": _("Health checks"),
    "farm": _("Credit farm"),
    "teach": _("Teaching and talks"),
    "science": _("Science and farming know-how"),
    "reading": _("Reading for all"),
    "culture": _("Culture and sports"),
    "festival": _("Festivals and customs"),
    "mediation": _("Mediation among neighbours"),
    "traffic": _("Road safety"),
    "safety": _("Safety patrol"),
    "first_aid": _("First aid and emergency"),
    "epidemic": _("Epidemic duty"),
    "other": _("Other service"),
    "training": _("Training attended"),
    "neighbour": _("Help among neighbours"),
    "neighbour_machine": _("Help among neighbours, with a machine"),
    "hardship": _("Help for a family in hardship"),
    "hardship_machine": _("Help for a family in hardship, with a machine"),
    "own_machine": _("Own machine in common work"),
    "rescue": _("Fire, flood and rescue"),
    "facility": _("Repair of village facilities"),
    "donation": _("Gift of money"),
}


def name_of(code: str, stored: str = "") -> str:
    """Return the name of a category: in the reader's language when the product brings it, else as stored."""
    return str(NAMES.get(code) or stored or code)
