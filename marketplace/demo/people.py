"""Names that nobody bears: a crop or a tree for the family, a solar term or a kind of weather for the person."""

from __future__ import annotations

import random
from collections.abc import Iterator

PREFIX = "demo-"  # of the user names of those whom the sign-in page lists
PASSWORD = "shanji-demo"  # noqa: S105 - printed on the sign-in page of every demo
CARD_PIN = "2580"

FAMILIES = "禾麦稻粟豆瓜葵苗穗薯棉麻艾蒲荷莲菱藻茶桑枣杏桃榆槐柏枫桐"
TERMS = "立春雨水惊蛰春分清明谷雨立夏小满芒种夏至小暑大暑立秋处暑白露秋分寒露霜降立冬小雪大雪冬至小寒大寒"
WEATHER = "晨光晚霞春苗夏风秋实冬青朝露夕照新月满月晴川和风细雨丰年瑞雪暖阳早潮晚潮南风北星东篱西畴"
GIVEN = [words[i : i + 2] for words in (TERMS, WEATHER) for i in range(0, len(words), 2)]


def names(rng: random.Random) -> Iterator[str]:
    """Yield different names for as long as there are any, then the same ones with a number."""
    pairs = [family + given for family in FAMILIES for given in GIVEN]
    rng.shuffle(pairs)
    # The people of the path have fixed names; nobody else is called like them.
    taken = {person.name for person in CAST}
    rounds = 0
    while True:
        for name in pairs:
            if name not in taken:
                yield name if not rounds else f"{name}{rounds + 1}"
        rounds += 1


class Person:
    """Somebody of the path, with a sign-in that the demo's sign-in page offers."""

    def __init__(self, key: str, name: str, phone: str, age: int = 45) -> None:
        self.key = key
        self.name = name
        self.phone = phone
        self.age = age

    @property
    def username(self) -> str:
        return PREFIX + self.key


RESIDENT = Person("resident", "禾小满", "13000000001", 58)
LEADER = Person("leader", "葵芒种", "13000000002", 46)
VILLAGE_ADMIN = Person("village-admin", "槐谷雨", "13000000003", 51)
STOCK_KEEPER = Person("stock-keeper", "杏白露", "13000000004", 39)
CLERK = Person("clerk", "桃晴川", "13000000005", 33)
BATH_CLERK = Person("bath-house", "荷清明", "13000000006", 42)
NEPHEW = Person("nephew", "枣小寒", "13000000007", 29)
GRANDMOTHER = Person("grandmother", "枣立春", "", 82)
TOWN_ADMIN = Person("town-admin", "桐惊蛰", "13000000008", 44)
CITY_ADMIN = Person("city-admin", "柏处暑", "13000000009", 48)
AUDITOR = Person("auditor", "枫秋分", "13000000010", 37)
OPERATOR = Person("operator", "榆冬至", "13000000011", 35)
SUPERVISOR = Person("supervisor", "榆白露", "13000000012", 55)
FUND_KEEPER = Person("fund-keeper", "楠立夏", "13000000013", 41)
SPONSORS = (
    Person("sponsor-food", "苗春分", "13000000015", 47),
    Person("sponsor-fish", "藻大寒", "13000000016", 50),
    Person("sponsor-stone", "柏惊蛰", "13000000017", 43),
)
CAST = (
    RESIDENT,
    LEADER,
    VILLAGE_ADMIN,
    STOCK_KEEPER,
    CLERK,
    BATH_CLERK,
    NEPHEW,
    GRANDMOTHER,
    TOWN_ADMIN,
    CITY_ADMIN,
    AUDITOR,
    SUPERVISOR,
    OPERATOR,
    FUND_KEEPER,
    *SPONSORS,
)
