"""Labels wait while their payments lie ready, and only then."""

from stream.kafka.hold_back import HoldBack


class Topics:
    def __init__(self):
        self.ready = 0
        self.said = []

    def hold_back(self, topic):
        self.said.append(("held back", topic))

    def let_go(self, topic):
        self.said.append(("let go", topic))

    def lag(self, topic):
        assert topic == "payments"
        return self.ready


def hold_back_of(topics):
    return HoldBack(topics, "payments", "labels", lag_max=100)


def test_labels_wait_from_half_of_the_room_on_until_a_quarter_is_left():
    topics = Topics()
    labels, topics.ready = hold_back_of(topics), 101
    for share in (0.0, 0.5, 0.51, 0.9, 0.26):
        labels.tend(share)
    assert (labels.holds, labels.times) == (True, 1)
    assert topics.said == [("held back", "labels")]
    for share in (0.25, 0.4):
        labels.tend(share)
    assert (labels.holds, labels.times) == (False, 1)
    assert topics.said == [("held back", "labels"), ("let go", "labels")]


def test_labels_whose_payments_nobody_sent_do_not_wait_for_them():
    topics = Topics()
    labels, topics.ready = hold_back_of(topics), 100
    labels.tend(1.0)
    assert topics.said == []
    topics.ready = 101
    labels.tend(1.0)
    topics.ready = 100
    labels.tend(1.0)
    assert topics.said == [("held back", "labels"), ("let go", "labels")]
