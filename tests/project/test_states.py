"""No state without an exit: of every state of every model, a service leads on that something calls, or it is an end."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.apps import apps

from tests.project.test_callers import ROOT, collect, without_callers

Exits = Mapping[str, tuple[str, str] | None]
#: By whom: Oscar writes and reads these, or nobody uses them here.
FRAMEWORK = {
    "basket.Basket": "Oscar opens, merges and submits baskets",
    "customer.ProductAlert": "not used",
    "offer.RangeProductFileUpload": "not used",
    "partner.StockAlert": "Oscar opens and closes alerts as stock moves",
    "reviews.ProductReview": "not used",
}
END = None  # nothing follows, on purpose


def decided(service: str) -> Exits:
    """Return the machine of what one person prepares and another decides."""
    return {"prepared": ("approved", service), "approved": END, "declined": END}


F, P = "marketplace.funds.services.", "marketplace.payments.services."
R, S = "marketplace.rewards.services.", "marketplace.sponsors.services."
REG, SERVICE = "timebank.registry.services.", "timebank.service.services."
#: Of each state the next one on its way out, and the service that leads there.
MACHINES: dict[str, Exits] = {
    "ledger.Account": {"open": ("closed", "timebank.ledger.services.accounts.close_account"), "closed": END},
    "registry.CorrectionRequest": {
        "asked": ("done", REG + "corrections.answer_correction"),
        "done": END,
        "refused": END,
    },
    "registry.ResidentCase": {"proposed": ("done", REG + "cases.decide_case"), "done": END, "refused": END},
    "registry.ResidentImport": {
        "reading": ("preview", REG + "resident_imports.reading.read_import"),
        "preview": ("loading", REG + "resident_imports.loading.begin"),
        "loading": ("loaded", REG + "resident_imports.loading._finish"),
        "loaded": ("confirmed", REG + "resident_imports.answering.confirm_import"),
        "confirmed": END,
        "returned": END,
        "discarded": END,
    },
    "registry.ResidentImportQuestion": {"same": END, "different": END, "without-phone": END},
    "registry.Organisation": {
        "pending": ("active", S + "organisations.approve_organisation"),
        "active": ("closed", REG + "organisations.close_organisation"),
        "closed": END,
    },
    "registry.Resident": {
        "pending": ("active", REG + "residents.accept_resident"),
        "active": ("closed", REG + "residents.close_registration"),
        "closed": ("pending", REG + "moves.apply_again"),
    },
    "registry.Card": {"active": ("blocked", REG + "cards.block_card"), "blocked": END},
    "registry.HelperRequest": {
        "open": ("declined", REG + "proxies.answer_helper_request"),
        "agreed": END,
        "declined": END,
    },
    "policy.SchemeVersion": {
        "draft": ("approved", "timebank.policy.services.versions.approve_version"),
        "approved": END,
        "discarded": END,
    },
    "service.Team": {"active": ("closed", SERVICE + "teams.close_team"), "closed": END},
    "service.Activity": {"open": ("closed", SERVICE + "attendance._close"), "closed": END, "cancelled": END},
    "service.SignUp": {
        "going": ("attended", SERVICE + "attendance._close"),
        "waiting": ("going", SERVICE + "signups.promote_waiting"),
        "withdrawn": ("going", SERVICE + "signups.sign_up"),
        "attended": END,
        "no_show": END,
        "cancelled": END,
    },
    "service.Objection": {
        "open": ("upheld", SERVICE + "notices.answer_objection"),
        "upheld": END,
        "dismissed": END,
    },
    "service.Record": {
        "draft": ("submitted", SERVICE + "records.submit_record"),
        "submitted": ("verified", SERVICE + "verification.verify_record"),
        "verified": ("published", SERVICE + "notices.publish_notice"),
        "published": ("credited", "timebank.service.store"),
        "disputed": ("returned", SERVICE + "notices.answer_objection"),
        "returned": ("submitted", SERVICE + "records.submit_record"),
        "credited": ("reversed", SERVICE + "reversal.reverse_record"),
        "reversed": END,
    },
    "villages.Opening": {
        "entered": ("approved", "timebank.villages.services.opening.approve_opening"),
        "approved": END,
        "refused": END,
    },
    "inbox.Sending": {
        "waiting": ("sending", "timebank.messages.sending.SEND"),
        "sending": ("perhaps", "timebank.messages.sending.SEND"),
        "sent": END,
        "perhaps": END,
        "failed": END,
        "dropped": END,
    },
    "funds.Commitment": {
        "open": ("released", F + "promising.release"),
        "drawn": ("open", F + "drawing.undraw"),
        "released": END,
    },
    "funds.DrawDown": {
        "unpriced": ("own", F + "drawing.post_unpriced"),
        "own": END,
        "open": ("listed", F + "statements.issue_statement"),
        "listed": ("settled", F + "payouts._settle"),
        "disputed": ("listed", F + "statements.answer_objection"),
        "settled": END,
        "reversed": END,
    },
    "funds.Purpose": {
        "open": ("closed", F + "setup.close_purpose"),
        "spent": ("open", "marketplace.funds.book"),
        "closed": END,
    },
    "funds.PurposeChange": decided(F + "moving.decide_purpose_change"),
    "funds.Allocation": decided(F + "moving.decide_allocation"),
    "funds.Budget": decided(F + "moving.decide_budget"),
    "funds.AgreedPrice": decided(F + "prices.decide_price"),
    "funds.Expense": decided(F + "moving.decide_expense"),
    "funds.BankLine": decided(F + "moving.decide_line"),
    "funds.SuspenseMove": decided(F + "moving.decide_explanation"),
    "funds.Statement": {
        "draft": ("issued", F + "statements.issue_statement"),
        "issued": ("approved", F + "statements.approve_statement"),
        "approved": ("paid", F + "payouts._settle"),
        "paid": END,
        "void": END,
    },
    "funds.Payout": {
        "prepared": ("approved", F + "payouts.approve_payout"),
        "approved": ("sent", F + "payouts.write_bank_file"),
        "sent": ("paid", F + "payouts.confirm_paid"),
        "paid": ("returned", F + "payouts.bounce_payout"),
        "failed": END,  # another payout is prepared for what it owed
        "returned": END,
    },
    "funds.QueuedRedemption": {
        "waiting": ("ready", F + "queue._offer"),
        "ready": ("redeemed", R + "kept.redeem_kept"),
        "redeemed": END,
        "lapsed": END,
        "withdrawn": END,
    },
    "funds.Purchase": {
        "open": ("listed", F + "statements.issue_statement"),
        "listed": ("settled", F + "payouts._settle"),
        "settled": END,
    },
    "payments.BankEntry": {
        "new": ("proposed", P + "bank_entries.propose_line"),
        "proposed": ("booked", P + "bank_entries.decide_line"),
        "booked": END,
        "left": END,
    },
    "payments.Payment": {
        "creating": ("failed", P + "syncing._give_up"),
        "open": ("expired", P + "by_hand.withdraw_transfer"),
        "processing": ("paid", P + "syncing._forward"),
        "paid": ("booked", P + "syncing.mark_booked"),
        "failed": END,
        "expired": END,
        "booked": END,
    },
    "payments.Refund": {
        "asked": ("approved", P + "refunds.decide_refund"),
        "approved": ("sent", P + "refunds.send_refund"),
        "sent": ("succeeded", P + "syncing._refunds"),
        "pending": ("succeeded", P + "syncing._refunds"),
        "succeeded": END,
        "declined": END,
        "failed": END,
    },
    "payments.Dispute": {
        "warning": ("open", P + "syncing._disputes"),
        "open": ("won", P + "syncing._disputes"),
        "won": END,
        "lost": END,
    },
    "payments.StripeEvent": {
        "received": ("done", P + "events._done"),
        "failed": ("received", P + "events.retry_event"),
        "done": END,
        "ignored": END,
    },
    "payments.ProviderPayout": {"sent": ("failed", P + "payouts.apply_payout"), "failed": END},
    "rewards.OpeningCount": decided(R + "opening.decide_opening"),
    "rewards.Redemption": {
        "placed": ("handed_over", R + "common.whole_state"),
        "partly_handed_over": ("handed_over", R + "common.whole_state"),
        "handed_over": ("returned", R + "common.whole_state"),
        "cancelled": END,
        "expired": END,
        "returned": END,
    },
    "rewards.WriteOff": {
        "prepared": ("withdrawn", R + "asking.withdraw_asked"),
        "approved": END,
        "declined": END,
        "withdrawn": END,
    },
    "rewards.TicketReturn": {
        "prepared": ("withdrawn", R + "asking.withdraw_asked"),
        "approved": END,
        "declined": END,
        "withdrawn": END,
    },
    "rewards.Ticket": {
        "issued": ("handed_over", R + "handing_over._finish"),
        "handed_over": ("returned", R + "returning._take_back"),
        "cancelled": END,
        "expired": END,
        "void": END,
        "returned": END,
    },
    "rewards.StockTransfer": {
        "sent": ("received", R + "transfers.receive_transfer"),
        "received": END,
        "cancelled": END,
    },
    "sponsors.Pledge": {
        "draft": ("submitted", S + "pledges.submit_pledge"),
        "submitted": ("declined", S + "pledges.decide_pledge"),
        "approved": ("lapsed", S + "pledges._lapse"),
        "part": ("lapsed", S + "pledges._lapse"),
        "fulfilled": END,
        "declined": END,
        "withdrawn": END,
        "lapsed": END,
    },
    "sponsors.Delivery": {
        "announced": ("counted", S + "deliveries.count_delivery"),
        "counted": ("valued", S + "deliveries.value_delivery"),
        "valued": END,
        "cancelled": END,
    },
    "sponsors.Need": {
        "draft": ("published", S + "needs.publish_need"),
        "published": ("withdrawn", S + "needs.withdraw_need"),
        "claimed": ("published", S + "needs.withdraw_claim"),
        "funded": ("reported", S + "needs.report_need"),
        "reported": END,
        "withdrawn": END,
    },
    "sponsors.Claim": {
        "asked": ("granted", S + "needs.decide_claim"),
        "granted": ("done", S + "needs.report_need"),
        "done": END,
        "refused": END,
        "withdrawn": END,
    },
    "sponsors.Enterprise": {
        "pending": ("active", S + "enterprises.decide_application"),
        "active": ("suspended", S + "enterprises.suspend"),
        "suspended": ("active", S + "enterprises.resume"),
        "refused": ("active", S + "enterprises.resume"),
        "merged": END,
    },
}


def machines() -> dict[str, list[str]]:
    """Return every model with a state, and its states."""
    return {
        model._meta.label: [value for value, _label in field.choices]
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name in {"state", "status", "decision"} and field.choices
    }


def dead_ends(states: Mapping[str, Iterable[str]], table: Mapping[str, Exits]) -> list[str]:
    """Return the states that are neither an end nor left by anything, and what the table names that is not there."""
    wrong = [f"{label}.{state}" for label in states for state in states[label] if state not in table.get(label, {})]
    wrong += [f"{label}: no such model" for label in table if label not in states]
    for label, machine in table.items():
        to = {way[0] for way in machine.values() if way is not END}
        wrong += [f"{label}.{state}: no such state" for state in {*machine, *to} - {*states.get(label, ())}]
    return wrong


def mentions(code: str, state: str) -> bool:
    """Tell whether code names a state, by its constant or its value."""
    return f".{state.upper()}" in code or f"'{state}'" in code or f'"{state}"' in code


def way_out(service: str) -> tuple[str, str]:
    """Return the name of a service and its code, with what it calls of its own module; refuses a name without code."""
    module, _dot, name = service.rpartition(".")
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if not path.exists():  # a module is named, not a function of it
        path, name = ROOT / Path(*service.split(".")).with_suffix(".py"), ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        assert not name or any(name == target for target in assigned(tree)), f"{service}: no such service"
        return "", ast.unparse(tree)
    parts, todo = {name}, [name]
    while todo:
        called = {node.id for node in ast.walk(functions[todo.pop()]) if isinstance(node, ast.Name)}
        todo += (fresh := called & set(functions) - parts)
        parts |= fresh
    code = [ast.unparse(functions[part]) for part in sorted(parts)]
    named = {node.id for part in parts for node in ast.walk(functions[part]) if isinstance(node, ast.Name)}
    for node in tree.body:  # what it calls of another module of services, one step far
        if isinstance(node, ast.ImportFrom) and node.module and ".services." in node.module:
            other = ast.parse((ROOT / Path(*node.module.split(".")).with_suffix(".py")).read_text(encoding="utf-8"))
            code += [
                ast.unparse(one)
                for one in other.body
                if isinstance(one, ast.FunctionDef) and one.name in named & {alias.name for alias in node.names}
            ]
    return name, "\n".join(code)


def assigned(tree: ast.Module) -> list[str]:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_no_state_is_without_an_exit():
    states = machines()
    assert sorted(set(FRAMEWORK) - set(states)) == []
    assert dead_ends({label: states[label] for label in states if label not in FRAMEWORK}, MACHINES) == []


def test_every_exit_is_a_service_that_leads_there_and_that_something_calls():
    alone = without_callers(*collect())
    wrong = []
    for label, machine in MACHINES.items():
        for state, way in machine.items():
            if way is END:
                continue
            name, code = way_out(way[1])
            if name in alone:
                wrong.append(f"{label}.{state}: nothing calls {name}")
            if not mentions(code, way[0]):
                wrong.append(f"{label}.{state}: {way[1]} does not lead to {way[0]}")
    assert not wrong, "\n".join(wrong)


def test_control_a_made_up_state_without_exit_and_a_service_that_leads_elsewhere_are_found():
    states = {"service.Team": ["active", "resting", "closed"], "made.Up": ["begun"]}
    assert dead_ends(states, {"service.Team": {**MACHINES["service.Team"], "gone": END}}) == [
        "service.Team.resting",
        "made.Up.begun",
        "service.Team.gone: no such state",
    ]
    _name, code = way_out(SERVICE + "teams.close_team")
    assert mentions(code, "closed")
    assert not mentions(code, "resting")
