"""Verdicts by the page, in a real browser, through the guard of the admin port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from inputs.page_boards import Boards
from servers.page_site import Site as PlainSite

from stream.admin.security import Access
from stream.admin.server import AdminServer
from stream.cases.desk import Handed
from stream.cases.shown_alerts import ShownAlerts
from stream.cases.verdict import Case
from stream.page.feed import Feed
from stream.page.history import MemoryHistory
from stream.page.routes import page_routes
from stream.page.verdict_routes import PATH, verdict_routes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery"
WAIT_MS = 15_000


class Site:
    """The admin port with a page whose alerts may be judged."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.alerts = ShownAlerts(self._hand_in, lambda *_: None)
        history = MemoryHistory()
        self.feed = Feed(history)
        self.board: Any = Boards().board(0)
        self.board["about"]["verdicts"] = True
        for each in self.board["alerts"]:
            each["alert_id"] = f"{abs(hash(each['alert_id'])) % 2**64:032x}"
            self.alerts.note(Case(each["alert_id"], each["transaction_id"], 1, 0))
        routes = [*page_routes(self.feed), *verdict_routes(self.alerts)]
        access = Access(token=TOKEN, changing=frozenset({PATH}))
        self.server = AdminServer(routes, access)
        self.feed.publish(self.board)

    def _hand_in(self, case: Case, verdict: Any) -> Handed:
        self.sent.append((case.alert_id, verdict.word, verdict.by))
        return Handed(verdict, case, 0, len(self.sent))


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    with made.server:
        yield made
        made.feed.close()


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda m: complaints.append(m.text + str(m.location)) if m.type == "error" else None,
        )
        page.goto(url)
        page.wait_for_selector('[data-state="live"]')
        yield page
        assert complaints == []
    finally:
        context.close()


def test_a_reader_says_what_an_alert_was(browser: Browser, site: Site) -> None:
    with opened(browser, f"{site.server.address}/?token={TOKEN}") as page:
        first = page.locator("#alerts [data-alert]").first
        name = str(first.get_attribute("data-alert"))
        button = first.locator('[data-verdict="fraud"]')
        assert button.is_disabled(), "nobody says so yet"
        page.locator('#alerts input[name="by"]').fill("ann")
        # It is drawn with the next frame.
        first.locator('[data-verdict="fraud"]:enabled').wait_for()
        button.focus()
        page.keyboard.press("Enter")
        first.get_by_text("fraud, by ann").wait_for()
        assert site.sent == [(name, "fraud", "ann")]
        button.click()
        first.get_by_text("ann said fraud already").wait_for()
        first.locator('[data-verdict="legit"]').click()
        first.get_by_text("legit, by ann").wait_for()
        assert [word for _, word, _ in site.sent] == ["fraud", "legit"]
        # The name stays while boards come.
        site.feed.publish(site.board | {"now_ms": site.board["now_ms"] + 1000})
        assert page.locator('#alerts input[name="by"]').input_value() == "ann"


def test_what_was_said_is_shown_to_others(browser: Browser, site: Site) -> None:
    site.board["alerts"][0]["verdict"] = "legit, by bob"
    site.feed.publish(site.board)
    with opened(browser, f"{site.server.address}/?token={TOKEN}") as page:
        page.locator("#alerts [data-alert]").first.get_by_text("legit, by bob").wait_for()


def test_a_page_that_may_only_be_read_has_no_buttons(browser: Browser) -> None:
    with PlainSite() as plain:
        plain.feed.publish(plain.boards.board(0))
        with opened(browser, plain.url) as page:
            page.locator("#alerts [data-alert]").first.wait_for()
            assert page.locator("[data-verdict]").count() == 0
            assert page.locator('input[name="by"]').count() == 0
