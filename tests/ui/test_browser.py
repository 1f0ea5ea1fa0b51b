"""The kit in a real Chromium: axe, no sideways scrolling, sizes, focus, submit once, the decoder under the CSP."""

from __future__ import annotations

import base64

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


def open_styleguide(page, live_server, path="/styleguide/", language="zh-hans", size="normal"):
    page.context.add_cookies(
        [
            {"name": "django_language", "value": language, "url": live_server.url},
            {"name": "shanji_size", "value": size, "url": live_server.url},
        ]
    )
    page.goto(live_server.url + path)


@pytest.mark.parametrize("path", ["/styleguide/", "/styleguide/desk/", "/styleguide/print/"])
@pytest.mark.parametrize(("language", "size"), [("zh-hans", "normal"), ("en", "large"), ("zh-hans", "xlarge")])
def test_styleguide_is_axe_clean(page, live_server, assert_axe_clean, path, language, size):
    open_styleguide(page, live_server, path, language, size)
    assert_axe_clean(page)


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("path", ["/styleguide/", "/styleguide/desk/"])
def test_nothing_scrolls_sideways_and_controls_are_large(page, live_server, path, width):
    page.set_viewport_size({"width": width, "height": 740})
    for size, least in (("normal", 48), ("large", 60), ("xlarge", 72)):
        for language in ("en", "zh-hans"):
            open_styleguide(page, live_server, path, language, size)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (size, language)
            small = page.evaluate(
                """least => [...document.querySelectorAll(".button, .switch, .tab, .toplink, .sidelink, .tabs__tab," +
                    ".pick__option, select, input[type=text], textarea")]
                    .filter(e => e.offsetParent && e.getBoundingClientRect().height < least - 0.5)
                    .map(e => e.outerHTML.slice(0, 90))""",
                least,
            )
            assert small == [], (size, language)


def test_body_text_has_the_promised_sizes(page, live_server):
    for size, pixels in (("normal", "18px"), ("large", "24px"), ("xlarge", "30px")):
        open_styleguide(page, live_server, size=size)
        assert page.evaluate("getComputedStyle(document.body).fontSize") == pixels


def test_error_summary_takes_the_focus_and_leads_to_the_field(page, live_server):
    open_styleguide(page, live_server)
    assert page.evaluate("document.activeElement.className") == "summary"
    page.click(".summary a[href='#id_phone'], .summary a[href='#id_name']")
    assert page.evaluate("document.activeElement.id") == "id_name"


def test_dialog_opens_takes_the_focus_and_closes(page, live_server):
    open_styleguide(page, live_server)
    page.click("[data-dialog=cancel-1]")
    assert page.is_visible("#cancel-1")
    page.click("#cancel-1 [data-dialog-close]")
    assert page.is_hidden("#cancel-1")


def test_second_tap_sends_nothing(page, live_server):
    sent = []
    open_styleguide(page, live_server)
    page.route("**/slow/", lambda route: sent.append(route.request.post_data) or route.fulfill(status=204))
    page.evaluate(
        """() => { const form = document.querySelector("form[method=post] .field").closest("form");
        form.action = "/slow/"; form.noValidate = true; }"""
    )
    button = page.locator("form[method=post]:has(.field) button.button--primary").first
    button.evaluate("b => { b.click(); b.click(); b.click(); }")
    page.wait_for_timeout(300)
    assert len(sent) == 1
    assert button.is_disabled()
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow'))")
    assert button.is_enabled()


def test_hand_scanner_field_has_the_focus(page, live_server):
    open_styleguide(page, live_server, "/styleguide/desk/")
    assert page.evaluate("document.activeElement.id") == "scan-code"
    # What the scanner types while a button or a link has the focus is not lost, nor is what somebody types elsewhere.
    page.evaluate("document.querySelector('.switch[name=size]').focus()")
    page.keyboard.type("SJ-4711")
    assert page.input_value("#scan-code") == "SJ-4711"


def test_decoder_reads_the_shown_ticket_in_its_worker_under_the_csp(page, live_server):
    open_styleguide(page, live_server)
    source = "data:image/png;base64," + base64.b64encode(page.locator(".coupon .qr").screenshot()).decode()
    found = page.evaluate(
        """async source => {
            const { default: QrScanner } = await import("/static/ui/js/vendor/qr-scanner.min.js");
            return (await QrScanner.scanImage(source, { returnDetailedScanResult: true })).data;
        }""",
        source,
    )
    assert found == "HTTPS://SHANJI.EXAMPLE/T/ABCDEFGHJK"


def test_everything_works_without_javascript(new_person, live_server):
    page = new_person(java_script_enabled=False)
    open_styleguide(page, live_server)
    page.click(".switch[name=size]")
    assert page.get_attribute("html", "data-size") == "large"
    page.click(".switch[name=language]")
    assert page.get_attribute("html", "lang") == "en"
