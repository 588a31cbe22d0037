"""The live page in a real browser: what its readers see, and what strangers cannot do to it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from inputs.page_boards import Boards, empty
from servers.page_site import Site

from models.interval import wilson
from stream.page.one_file import one_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from stream.page.board import Board

pytestmark = pytest.mark.browser

PANELS = {
    "traffic": "Traffic",
    "events": "What happened",
    "quality": "Quality by window of event time",
    "calibration": "What was said, and what was",
    "scores": "Scores now and in the reference",
    "drift": "Feature drift",
    "alerts": "Latest alerts",
    "budget": "Alerts against the budget",
    "rules": "Rules",
    "contenders": "Champion and challengers",
    "disagreements": "Where they disagree",
    "segments": "Segments",
    "dead-letters": "Dead letters",
}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
MARKUP = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
# Boards come faster than from a worker, or tests would wait for most of their time.
EVERY_S = 0.2
WAIT_SECONDS = 15
# A dash as long as a digit.
UNKNOWN = "\u2013"
STOP_SECONDS = 2.0
# Browsers say so of every request that nobody answers; no page can keep them from it.
NOBODY_THERE = "net::ERR_"


class Reader:
    """A page that somebody has opened, and what the browser complained of meanwhile."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        page.set_default_timeout(1000 * WAIT_SECONDS)
        page.on("console", lambda line: self._heard(line.type, line.text))
        page.on("pageerror", lambda error: self._heard("error", str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def wait_until(self, script: str) -> None:
        """Wait until an expression is true; the page's policy lets none be waited for inside it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.page.evaluate(script):
            assert time.monotonic() < deadline, f"{script} did not become true"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def wait_for_another(self, text: str, selector: str) -> None:
        """Wait until another text stands in a place."""
        self.wait_until(
            f"document.querySelector({json.dumps(selector)}).innerText !== {json.dumps(text)}"
        )

    def focused(self) -> str:
        """Return the text of what has the focus."""
        return str(self.page.evaluate("document.activeElement.textContent"))


@contextmanager
def reading(browser: Browser, site: Site, **options: Any) -> Iterator[Reader]:
    """Open the page, and see to it that there was nothing to complain of."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    try:
        reader = Reader(context.new_page())
        reader.page.goto(site.url)
        reader.page.wait_for_selector('[data-state="live"]')
        yield reader
        assert [line for line in reader.complaints if NOBODY_THERE not in line] == []
        assert reader.hosts == {"127.0.0.1"}
    finally:
        context.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """A page with ten minutes of history, and a new board every moment."""
    with Site() as started:
        for point in started.boards.history(600):
            started.history.add(point)
        started.publish_every(EVERY_S)
        yield started


def serving(change: Callable[[Board], Board]) -> Site:
    site = Site()
    site.feed.publish(change(site.boards.board(0)))
    return site


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_every_panel_fills_with_live_numbers(
    options: dict[str, Any], browser: Browser, site: Site
) -> None:
    with reading(browser, site, **options) as reader:
        for name, title in PANELS.items():
            assert reader.text(f"#{name} h2") == title
            assert reader.page.locator(f"#{name} .nothing").count() == (name == "budget"), name
        reader.wait_for_another(reader.text("#traffic .legend"), "#traffic .legend")
        assert reader.page.locator("#quality svg[role=img]").count() == 4
        assert reader.page.locator("#alerts [data-alert]").count() == 12
        held = "2 reviews of the same entity held back since its alert before this one"
        assert held in reader.text("#alerts")
        assert reader.page.locator("#disagreements tbody tr").count() == 8
        assert not reader.complaints


def test_the_past_is_there_at_once(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        line = str(reader.page.locator("#traffic .plot .line path").first.get_attribute("d"))
        # Ten minutes of points, a second apart.
        assert line.count("L") > 400


def test_psi_is_shown_with_what_noise_alone_reaches(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        said = reader.text("#scores .verdict")
        assert re.search(r"PSI 0\.\d+; noise alone reaches 0\.0021 with 12,\d+ payments", said)
        assert "within noise" in said


def test_what_is_known_is_told_apart_from_what_is_estimated(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        quality = reader.page.locator("#quality")
        assert "known: mature payments alone" in quality.inner_text()
        assert "estimated: as if scores were right" in quality.inner_text()
        assert quality.locator(".beyond text").first.text_content() == "not mature"

        def dashes(look: str) -> str:
            path = quality.locator(f".plot .line.{look} path").first
            return str(path.evaluate("each => getComputedStyle(each).strokeDasharray"))

        assert dashes("known") == "none"
        assert dashes("estimate") == "4px, 4px"

        def right_end(look: str) -> float:
            path = quality.locator(f".plot .line.{look} path").first
            return float(path.evaluate("each => each.getBBox().x + each.getBBox().width"))

        horizon = float(str(quality.locator(".beyond line").first.get_attribute("x1")))
        assert right_end("known") < horizon + 20 < right_end("estimate")


def test_what_happened_is_a_line_on_every_chart_over_time(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        charts = reader.page.locator("figure.chart")
        assert charts.count() == 9
        for at in range(9):
            titles = charts.nth(at).locator(".marker title").all_text_contents()
            assert any("card.amount_mean_1h drifted" in title for title in titles), at


def test_every_picture_has_its_words(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        reader.page.locator(".opener").first.click()
        reader.page.wait_for_selector(".drill-down svg")
        silent = reader.page.evaluate(
            """() => [...document.querySelectorAll("svg")].filter(
                (each) => each.getAttribute("aria-hidden") !== "true"
                    && !(each.getAttribute("role") === "img"
                         && each.getAttribute("aria-label").length > 20)
            ).length"""
        )
        assert silent == 0


def test_a_feature_is_opened_and_closed_by_keyboard_alone(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        keyboard = reader.page.keyboard
        for _ in range(80):
            keyboard.press("Tab")
            if reader.focused() == "▸ card.amount_mean_1h":
                break
        assert reader.focused() == "▸ card.amount_mean_1h"
        keyboard.press("Enter")
        reader.page.wait_for_selector(".drill-down svg[role=img]")
        # New boards come and go; what has the focus keeps it.
        reader.wait_for_another(reader.text("#traffic .legend"), "#traffic .legend")
        assert reader.focused() == "▾ card.amount_mean_1h"
        keyboard.press("Tab")
        assert "Distributions of" in str(
            reader.page.evaluate("document.activeElement.getAttribute('aria-label')")
        )
        keyboard.press("Escape")
        reader.wait_until("!document.querySelector('.drill-down')")
        assert reader.focused() == "▸ card.amount_mean_1h"


def test_a_table_is_sorted_by_keyboard_alone(browser: Browser, site: Site) -> None:
    def names(reader: Reader) -> list[str]:
        cells = reader.page.locator("#drift-table tbody th").all_text_contents()
        return [each.removeprefix("▸ ") for each in cells]

    with reading(browser, site) as reader:
        assert set(names(reader)[:2]) == {"card.amount_mean_1h", "merchant.count_10m"}
        reader.page.locator("#drift-table .sort", has_text="feature").focus()
        reader.page.keyboard.press("Enter")
        sorted_up = '#drift-table th[aria-sort="ascending"]'
        reader.page.wait_for_selector(sorted_up)
        assert reader.text(sorted_up).startswith("feature")
        found = names(reader)
        assert found == sorted(found)
        reader.page.keyboard.press("Space")
        reader.page.wait_for_selector('#drift-table th[aria-sort="descending"]')
        found = names(reader)
        assert found == sorted(found, reverse=True)


def ruled(reader: Reader) -> list[str]:
    return reader.page.locator("#rule-table tbody th").all_inner_texts()


def test_a_rule_that_tripped_stands_out(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        assert ruled(reader)[0] == "refund-loop"
        assert not reader.page.locator("#rules .on-phones").first.is_visible()
        row = reader.page.locator("#rule-table .tripped")
        assert row.count() == 1
        assert "tripped" in row.inner_text()
        said = "1 rule matched too much and decides nothing until rules are applied again"
        assert f"{said}: refund-loop." in reader.text(".notices")
        bad = brightness(reader, "#rule-table .tripped th", "color")
        assert bad != brightness(reader, "#rule-table tr:not(.tripped) th", "color")
        assert "live, 25 %" in reader.text("#rules")
        assert "stolen: 1,240 of at most 100,000 entries, changed 31 times" in reader.text("#rules")
        assert "36 alerts by the cool-down and 2 by snoozes" in reader.text("#rules")


def test_rules_can_be_read_on_a_phone(browser: Browser, site: Site) -> None:
    with reading(browser, site, **PHONE) as reader:
        assert ruled(reader)[0].split() == ["refund-loop", "review"]
        heights = reader.page.locator("#rule-table tbody tr").evaluate_all(
            "rows => rows.map((row) => row.getBoundingClientRect().height)"
        )
        # An id of 64 characters has lines of words, not of letters.
        assert max(heights) < 160
        inside = "each => each.scrollWidth <= each.clientWidth"
        assert reader.page.locator("#rules .scroll").evaluate(inside)


def test_without_a_rule_that_tripped_nothing_is_said_of_it(browser: Browser) -> None:
    def calm(board: Board) -> Board:
        for row in board["rules"]["shown"]:
            row["mode"] = "live" if row["mode"] == "tripped" else row["mode"]
        return board

    with serving(calm) as site, reading(browser, site) as reader:
        assert reader.page.locator("#rule-table .tripped").count() == 0
        assert "matched too much" not in reader.text(".notices")


def test_rules_are_sorted_by_keyboard(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        reader.page.locator("#rule-table .sort", has_text="shadow").focus()
        reader.page.keyboard.press("Enter")
        reader.page.wait_for_selector('#rule-table th[aria-sort="descending"]')
        assert ruled(reader)[0].startswith("new-terminal-at-night")
        reader.page.keyboard.press("Space")
        reader.page.wait_for_selector('#rule-table th[aria-sort="ascending"]')
        assert ruled(reader)[-1].startswith("new-terminal-at-night")


def test_of_many_rules_it_says_that_some_are_shown(browser: Browser) -> None:
    def many(board: Board) -> Board:
        board["rules"]["in_force"] = 500
        return board

    with serving(many) as site, reading(browser, site) as reader:
        assert "500 rules in force; shown are the 6 that tripped" in reader.text("#rules .says")


def test_an_alert_of_a_rule_alone_says_so(browser: Browser) -> None:
    def by_rule(board: Board) -> Board:
        first = board["alerts"][0]
        first["score"], first["reasons"], first["counterfactual"] = None, [], ""
        return board

    with serving(by_rule) as site, reading(browser, site) as reader:
        first, second, third = (
            reader.page.locator("#alerts .alert").nth(n).inner_text() for n in range(3)
        )
        assert "no score" in first
        assert "A rule asked for it; no feature raised the score." in first
        assert "many small payments of one card" in first
        assert "rule in shadow" in second
        assert "rule" not in third


def test_what_people_changed_is_a_line_on_the_charts(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        for kind in ("rules", "breaker", "promotion", "rollback", "lists"):
            assert reader.page.locator(f"#traffic .marker-{kind}").count() == 4, kind
        assert "forest decides, by Anna: better for two weeks" in reader.text("#events")
        calm = reader.page.locator("#events .marker-promotion b")
        loud = reader.page.locator("#events .marker-rollback b")
        colour = "each => getComputedStyle(each).color"
        assert calm.evaluate(colour) != loud.evaluate(colour)


def test_a_chart_is_read_by_arrow_keys(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        chart = reader.page.locator('[data-measure="quality-precision"]')
        chart.focus()
        for key in ("Home", "ArrowRight", "ArrowRight"):
            reader.page.keyboard.press(key)
        reader.page.wait_for_selector("#quality .legend-time")
        assert re.search(r"\d\d:\d\d:\d\d", reader.text("#quality .legend-time"))
        assert reader.page.locator("#quality .cross-hair").count() == 4
        reader.page.keyboard.press("Escape")
        reader.wait_until("!document.querySelector('.cross-hair')")


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, site: Site) -> None:
    with reading(browser, site, **PHONE) as reader:
        reader.page.locator(".opener").first.click()
        reader.page.wait_for_selector(".drill-down svg")
        width = "document.documentElement.scrollWidth"
        assert reader.page.evaluate(width) == reader.page.evaluate("innerWidth") == 360
        # Tables that are wider than their panel move within it.
        too_wide = reader.page.evaluate(
            """() => [...document.querySelectorAll(".panel, .chart, .plot, .drill-down, .alert")]
                .filter((each) => each.getBoundingClientRect().right > 360).length"""
        )
        assert too_wide == 0


def brightness(reader: Reader, selector: str, of: str) -> float:
    colour = reader.page.locator(selector).first.evaluate(
        f"each => getComputedStyle(each).{of}.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    )
    red, green, blue = colour
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_is_dark_where_its_reader_likes_it_dark(
    scheme: Any, browser: Browser, site: Site
) -> None:
    with reading(browser, site, color_scheme=scheme) as reader:
        ground = [brightness(reader, each, "backgroundColor") for each in ("body", ".panel")]
        ink = [brightness(reader, each, "color") for each in ("body", ".says", ".line")]
        if scheme == "dark":
            assert max(ground) < 40
            assert min(ink) > 120
        else:
            assert min(ground) > 240
            assert max(ink) < 130


def test_motion_is_left_out_for_who_wants_none(browser: Browser, site: Site) -> None:
    with reading(browser, site, reduced_motion="reduce") as reader:
        style = "getComputedStyle(document.querySelector('main'))"
        assert reader.page.evaluate(f"{style}.transitionDuration") == "0s"


def test_text_of_strangers_stays_text(browser: Browser) -> None:
    def changed(board: Board) -> Board:
        for alert in board["alerts"]:
            alert["transaction_id"] = alert["amount"] = alert["outcome"] = MARKUP
            alert["alert_id"] = MARKUP
            for reason in alert["reasons"]:
                reason["text"] = reason["feature"] = reason["code"] = MARKUP
            for rule in alert["rules"]:
                rule["id"] = rule["text"] = rule["code"] = rule["said"] = MARKUP
        for row in board["rules"]["shown"]:
            row["id"] = row["action"] = row["mode"] = MARKUP
        board["rules"]["lists"][0]["name"] = MARKUP
        board["segments"][0]["value"] = MARKUP
        board["about"]["group"] = board["about"]["model"] = MARKUP
        board["traffic"]["dead_letters"] = {MARKUP: 3}
        board["markers"][1]["text"] = MARKUP
        board["drift"]["features"][0]["name"] = MARKUP
        return board

    with serving(changed) as site, reading(browser, site) as reader:
        reader.page.locator("#drift .more").click()
        reader.page.wait_for_selector("#drift .more[aria-expanded=true]")
        places = (".facts", "#alerts", "#rules", "#segments", "#dead-letters", "#events", "#drift")
        for place in places:
            assert MARKUP in reader.text(place), place
        assert reader.page.locator("#page img, #page script").count() == 0
        assert reader.page.title() == "fraudstream"
        # Of twelve alerts with one id none is left behind by the next board.
        site.feed.publish(site.boards.board(1))
        reader.wait_until(f"!document.body.innerText.includes({json.dumps(MARKUP)})")
        assert reader.page.locator("#alerts [data-alert]").count() == 12


def test_the_browser_itself_refuses_markup_made_of_text(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(site.url)
        refused = page.evaluate(
            """() => {
                try { document.body.innerHTML = "<b>text</b>"; return "taken"; }
                catch (error) { return error.name; }
            }"""
        )
        assert refused == "TypeError"
    finally:
        context.close()


def test_after_a_restart_of_the_server_the_page_goes_on_by_itself(browser: Browser) -> None:
    first = Site()
    with first:
        first.publish_every(EVERY_S)
        with reading(browser, first) as reader:
            first.stop()
            reader.page.wait_for_selector('[data-state="reconnecting"]')
            assert re.search(r"stale since \d\d:\d\d:\d\d, for \d+ s", reader.text("#link"))
            assert reader.text("#spoken") == "reconnecting"
            # What was known stays on the page, and steps back.
            assert reader.page.locator("#traffic svg[role=img]").count() == 4
            reader.wait_until("getComputedStyle(document.querySelector('main')).opacity < 0.9")
            with Site(port=first.port) as second:
                second.publish_every(EVERY_S, first=1000)
                reader.page.wait_for_selector('[data-state="live"]')
                uptime = "document.querySelector('.facts').innerText.includes('up 32 min')"
                reader.wait_until(uptime)
                # The hole between the two lives is no line.
                line = "document.querySelector('#traffic .plot .line path').getAttribute('d')"
                reader.wait_until(f"{line}.lastIndexOf('M') > 0")


def test_a_server_that_sends_nothing_new_is_said_to_be_stale(browser: Browser) -> None:
    with serving(lambda board: board) as site, reading(browser, site) as reader:
        reader.page.wait_for_selector('[data-state="stale"]')
        assert "the worker answers, and sends no new numbers" in reader.text("#link")
        site.feed.publish(site.boards.board(5))
        reader.page.wait_for_selector('[data-state="live"]')


def test_beyond_so_many_pages_one_asks_from_time_to_time(browser: Browser) -> None:
    with Site(streams_max=1) as site:
        site.publish_every(EVERY_S)
        with reading(browser, site):
            context = browser.new_context()
            try:
                second = Reader(context.new_page())
                second.page.goto(site.url)
                second.page.wait_for_selector('[data-state="polling"]')
                assert "as many live pages are open as may be" in second.text("#link")
                second.wait_for_another(second.text("#traffic .legend"), "#traffic .legend")
            finally:
                context.close()


def test_an_open_page_does_not_keep_the_server_from_stopping(browser: Browser, site: Site) -> None:
    with reading(browser, site), reading(browser, site):
        assert site.feed.streams == 2
        assert site.stop() < STOP_SECONDS


def test_before_anything_is_known_the_page_says_what_it_waits_for(browser: Browser) -> None:
    def beginning(board: Board) -> Board:
        parts = empty(board["now_ms"], first_ms=board["now_ms"] - 500)
        return {**board, **parts}  # type: ignore[typeddict-item]

    with serving(beginning) as site, reading(browser, site) as reader:
        assert "No label is mature yet: the first will be in about 4 s." in reader.text("#quality")
        assert "The model gives no scores yet" in reader.text("#scores")
        assert "There is no reference yet" in reader.text("#drift")
        assert "None: every record could be read" in reader.text("#dead-letters")
        assert "The model is not ready" in reader.text(".notices")
        for name in sorted(set(PANELS) - {"traffic", "quality"}):
            assert len(reader.text(f"#{name} .nothing")) > 15, name


def test_before_the_first_board_the_page_says_so(browser: Browser) -> None:
    with Site() as site, reading(browser, site) as reader:
        assert "No numbers yet" in reader.text("#main")
        site.feed.publish(site.boards.board(1))
        reader.page.wait_for_selector("#traffic svg")


# What the modules compute, asked in the browser that runs them.


def computed(reader: Reader, module: str, call: str) -> Any:
    return reader.page.evaluate(f"async () => (await import('./static/{module}')).{call}")


def test_intervals_are_those_of_the_models(browser: Browser, site: Site) -> None:
    with reading(browser, site) as reader:
        for hits, n in ((0, 5), (3, 7), (40, 50), (9, 9), (0, 0)):
            share = hits / n if n else 0
            found = computed(reader, "intervals.js", f"wilson({share}, {n})")
            assert found == pytest.approx(wilson(hits, n), abs=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("percent(0.0000123)", "< 0.01 %"),
        ("percent(0.00213)", "0.21 %"),
        ("percent(0.0995)", "10 %"),
        ("percent(null)", UNKNOWN),
        ("distance(0.00001)", "< 0.0001"),
        ("distance(0.0021)", "0.0021"),
        ("distance(0.25)", "0.25"),
        ("millis(0.4567)", "0.457 ms"),
        ("millis(2500)", "2.5 s"),
        ("rate(1234.5)", "1,230/s"),
        ("rate(0)", "0/s"),
        ("duration(4000)", "4 s"),
        ("duration(86400000 * 14)", "14 days"),
        ("about(3200)", "4 s"),
        ("about(-50)", "1 s"),
        ("count(NaN)", UNKNOWN),
        ("several(1, 'alert')", "1 alert"),
        ("several(1200, 'alert')", "1,200 alerts"),
    ],
)
def test_numbers_are_said_with_their_units(call: str, words: str, words_of: Reader) -> None:
    assert computed(words_of, "words.js", call) == words


@pytest.fixture(scope="module")
def words_of(browser: Browser) -> Iterator[Reader]:
    with Site() as site, reading(browser, site) as reader:
        yield reader


def test_thinned_lines_keep_their_peaks(words_of: Reader) -> None:
    points = [[t, float(t % 7)] for t in range(5000)]
    points[1234][1], points[4321][1] = 99.0, -99.0
    thin = computed(words_of, "scales.js", f"thinned({json.dumps(points)}, 100)")
    assert len(thin) <= 404
    assert [1234, 99] in thin
    assert [4321, -99] in thin
    assert thin == sorted(thin)
    assert thin[0] == points[0]
    assert thin[-1] == points[-1]


def test_a_history_from_hours_to_seconds_is_one_line_and_a_hole_is_none(words_of: Reader) -> None:
    hour = 3_600_000
    times = [0, hour, 2 * hour, *(2 * hour + 60_000 * n for n in range(1, 5))]
    whole = [{"time_ms": t, "lag_records": 1} for t in times]
    hole = [*whole, {"time_ms": times[-1] + 30 * 60_000, "lag_records": 1}]
    for points, breaks in ((whole, 0), (hole, 1)):
        line = computed(words_of, "timeline.js", f"lineOf({json.dumps(points)}, 'lag_records', 0)")
        assert [value for _, value in line].count(None) == breaks


def test_points_that_come_twice_are_kept_once_and_many_are_bounded(words_of: Reader) -> None:
    points = [{"time_ms": t, "lag_records": t} for t in range(6000)]
    joined = f"joined({json.dumps(points[:100])}, {json.dumps(points[50:150])})"
    assert computed(words_of, "timeline.js", joined) == points[:150]
    many = computed(words_of, "timeline.js", f"joined({json.dumps(points)}, [])")
    assert len(many) <= 4500
    assert many[-1] == points[-1]


def test_a_report_of_what_was_left_says_so_and_shows_no_panel_of_a_running_worker(
    browser: Browser, tmp_path: Path
) -> None:
    boards = Boards()
    board = boards.board(0)
    board["about"]["left"] = "snapshot 4"
    board["traffic"]["records_per_s"] = board["traffic"]["labels_per_s"] = None
    file = tmp_path / "report.html"
    file.write_text(one_file(board, boards.history(600)), encoding="utf-8")
    context = browser.new_context()
    try:
        reader = Reader(context.new_page())
        reader.page.goto(file.as_uri())
        reader.page.wait_for_selector('[data-state="report"]')
        assert "No worker was asked: this is of snapshot 4" in reader.text(".notices")
        absent = {"alerts", "rules", "disagreements", "dead-letters", "dead_letters"}
        there = {name for name in PANELS if reader.page.locator(f"#{name}").count()}
        assert there == set(PANELS) - absent
        assert len(there) == len(PANELS) - 4
        assert "NaN" not in reader.text("#page")
        assert reader.complaints == []
    finally:
        context.close()


def test_a_report_shows_the_same_panels_from_one_file(browser: Browser, tmp_path: Path) -> None:
    boards = Boards()
    board = boards.board(0)
    board["alerts"][0]["transaction_id"] = MARKUP
    file = tmp_path / "report.html"
    file.write_text(one_file(board, boards.history(600)), encoding="utf-8")
    context = browser.new_context()
    try:
        reader = Reader(context.new_page())
        reader.page.goto(file.as_uri())
        reader.page.wait_for_selector('[data-state="report"]')
        for name, title in PANELS.items():
            assert reader.text(f"#{name} h2") == title
        assert reader.page.locator("figure.chart svg[role=img]").count() == 9
        assert MARKUP in reader.text("#alerts")
        reader.page.locator(".opener").first.click()
        reader.page.wait_for_selector(".drill-down svg")
        assert reader.complaints == []
        assert reader.hosts == {None}
    finally:
        context.close()
