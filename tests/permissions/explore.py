"""Print what every address answers to every role today: material for the matrix, to be judged row by row.

.venv/bin/pytest tests/permissions/explore.py -s -p no:randomly
"""

from __future__ import annotations

from tests.permissions.matrix import MATRIX, POSTED
from tests.permissions.people import ROLES
from tests.permissions.test_matrix import addresses, ask_and_undo


def test_print_what_is_not_in_the_matrix(cast, client):
    print()
    for method, table in (("GET", MATRIX), ("POST", POSTED)):
        print(method)
        for name in addresses():
            if name in table:
                continue
            try:
                answers = [ask_and_undo(client, cast, name, role, method)[0] for role in ROLES]
            except LookupError as error:
                print(f"{name:28} {error}")
                continue
            usual = max(answers, key=answers.count)
            named = [f'{role}="{answer}"' for role, answer in zip(ROLES, answers, strict=True) if answer != usual]
            print(f'    "{name}": answers({", ".join([repr(usual), *named])}),')
