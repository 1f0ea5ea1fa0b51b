"""A format that the exports of most banks fit: columns are found by any of their usual headings."""

from __future__ import annotations

from typing import Any

from django.db import migrations

COLUMNS = {
    "day": "交易日期|记账日期|入账日期|日期",
    "money_in": "收入金额|贷方发生额|收入|贷方",
    "money_out": "支出金额|借方发生额|支出|借方",
    "party": "对方户名|对方名称|对方账户名称",
    "memo": "附言|摘要|用途|备注",
    "serial": "交易流水号|流水号|凭证号",
}
FORMATS = (
    ("通用格式（UTF-8，2026-11-28）", "utf-8-sig", "%Y-%m-%d"),
    ("通用格式（GB18030，2026-11-28）", "gb18030", "%Y-%m-%d"),
    ("通用格式（GB18030，20261128）", "gb18030", "%Y%m%d"),
)


def add(apps: Any, schema_editor: Any) -> None:
    template = apps.get_model("payments", "BankTemplate")
    for name, encoding, day_format in FORMATS:
        template.objects.get_or_create(name=name, defaults={"encoding": encoding, "day_format": day_format, **COLUMNS})


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
