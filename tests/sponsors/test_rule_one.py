"""Rule 1, no sale: nothing that starts from a payment, pledge, delivery or fund reaches a writer of points.

Walked over the sources: which names of point-posting code the three apps of money import at all. The list is frozen:
a new import has to be looked at here first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("funds", "payments", "sponsors")
#: What posts in points, by where it lives. ``rewards`` redeems; ``service`` and ``policy`` credit; the ledger posts.
WRITERS = (
    "timebank.ledger.services",
    "timebank.service",
    "timebank.policy",
    "marketplace.rewards",
    "marketplace.counter",
)
#: module → what it may take from there.
FROZEN: dict[str, set[str]] = {
    # the way to money: posts in CNY only (``posting.UNIT``, tested in tests/funds/test_one_door.py)
    "marketplace/funds/book.py": {"timebank.ledger.services"},
    "marketplace/funds/posting.py": {"timebank.ledger.services"},
    # names of rights, rows to read, and goods that come in: none posts anything
    "marketplace/sponsors/navigation.py": {"marketplace.rewards.rules"},
    "marketplace/sponsors/selectors/impact.py": {"marketplace.rewards.models"},
    "marketplace/sponsors/selectors/parties.py": {"marketplace.rewards.rules"},
    "marketplace/sponsors/services/deliveries.py": {"marketplace.rewards.rules", "marketplace.rewards.services.stock"},
    "marketplace/sponsors/views/desk_deliveries.py": {"marketplace.rewards.rules"},
    "marketplace/sponsors/views/desk_pledges.py": {"marketplace.rewards.rules"},
}
TAKEN = {"receive_stock"}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of every import, however deep."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                # "from timebank.ledger import services" means the module
                yield (whole, "") if whole in WRITERS else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def found() -> dict[str, set[str]]:
    """Return what each module of the three apps takes from where points are posted."""
    taken: dict[str, set[str]] = {}
    for app in APPS:
        for file in sorted((ROOT / "marketplace" / app).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            for module, _name in imports(ast.parse(file.read_text())):
                if any(module == writer or module.startswith(f"{writer}.") for writer in WRITERS):
                    name = "timebank.ledger.services" if module.startswith("timebank.ledger.services") else module
                    taken.setdefault(str(file.relative_to(ROOT)), set()).add(name)
    return taken


def test_money_reaches_no_writer_of_points() -> None:
    assert {name: modules for name, modules in found().items() if not modules <= FROZEN.get(name, set())} == {}


def test_of_the_rewards_only_goods_that_come_in_are_called() -> None:
    tree = ast.parse((ROOT / "marketplace/sponsors/services/deliveries.py").read_text())
    assert {name for module, name in imports(tree) if module == "marketplace.rewards.services.stock"} == TAKEN
    stock = ast.parse((ROOT / "marketplace/rewards/services/stock.py").read_text())
    assert not any(module.startswith("timebank.ledger") for module, _name in imports(stock))


@pytest.mark.parametrize(
    "text",
    [
        "from timebank.ledger import services",
        "from timebank.ledger.services import post",
        "def f():\n    from timebank.service.services.credit import credit_due",
        "import timebank.ledger.services.posting",
    ],
)
def test_the_walk_sees_every_form_of_import(text: str) -> None:
    """Control: each of these would be found."""
    modules = [module for module, _name in imports(ast.parse(text))]
    assert any(module == writer or module.startswith(f"{writer}.") for module in modules for writer in WRITERS)
