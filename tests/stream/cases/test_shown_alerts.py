"""Alerts that are shown can be judged; each change of mind is noted before it is sent."""

import pytest
from inputs.alert_samples import EVENT_US, alert_id

from schemas.errors import BrokerError
from stream.cases.desk import Handed
from stream.cases.shown_alerts import NotShownError, ShownAlerts, shown_alerts_of
from stream.cases.verdict import Case, Verdict
from stream.config.configuration import load


class Site:
    def __init__(self, **more):
        self.did = []
        self.failing = False
        self.alerts = ShownAlerts(self._hand_in, self._note, **more)

    def _hand_in(self, case, verdict):
        if self.failing:
            raise BrokerError("nobody there")
        self.did.append(("sent", case.transaction_id, verdict.word))
        return Handed(verdict, case, case.partition, 7)

    def _note(self, before, after):
        self.did.append(("noted", before.word, after.word))

    def show(self, *numbers):
        for n in numbers:
            self.alerts.note(Case(alert_id(n), f"t-{n}", EVENT_US, 2))

    def say(self, number, is_fraud, by="ann"):
        return self.alerts.judge(Verdict(alert_id(number), is_fraud, by))


def test_what_is_shown_can_be_judged_and_what_was_said_is_told():
    site = Site()
    site.show(1, 2)
    assert site.alerts.said(alert_id(1)) == ""
    said = site.say(1, True)
    assert (said.verdict.word, said.handed.partition, said.handed.offset) == ("fraud", 2, 7)
    assert site.did == [("sent", "t-1", "fraud")]
    assert site.alerts.said(alert_id(1)) == "fraud, by ann"
    assert site.alerts.said(alert_id(2)) == ""


def test_the_same_again_is_not_sent_again_and_a_change_is_noted_before_it_is_sent():
    site = Site()
    site.show(1)
    site.say(1, True)
    again = site.say(1, True, "bob")
    assert (again.handed, again.verdict.by) == (None, "ann")
    site.say(1, False, "bob")
    assert site.did == [
        ("sent", "t-1", "fraud"),
        ("noted", "fraud", "legit"),
        ("sent", "t-1", "legit"),
    ]


def test_what_is_not_shown_cannot_be_judged():
    site = Site(cases_max=2)
    site.show(1, 2, 3)
    for number in (1, 9):
        with pytest.raises(NotShownError, match="use `fraudstream verdict`"):
            site.say(number, True)
    assert site.did == []
    assert site.say(3, True).handed


def test_what_the_brokers_did_not_take_was_not_said():
    site = Site()
    site.show(1)
    site.failing = True
    with pytest.raises(BrokerError):
        site.say(1, True)
    assert site.alerts.said(alert_id(1)) == ""
    site.failing = False
    assert site.say(1, True).handed


def test_a_page_takes_no_verdicts_unless_it_is_told_to():
    assert shown_alerts_of(load()) is None
