"""Settings that are passed through are judged before anything starts with them."""

import pytest

from schemas.errors import ConfigError
from stream.kafka.client import Connection


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"sasl.mechanismz": "PLAIN"}, "sasl.mechanismz"), ({"acks": "some"}, "acks")],
)
def test_a_setting_that_librdkafka_does_not_take_is_named(settings, named):
    with pytest.raises(ConfigError, match=named):
        Connection("127.0.0.1:9", settings).check_settings()


def test_a_consumers_setting_is_no_mistake():
    Connection("127.0.0.1:9", {"session.timeout.ms": 6000}).check_settings()
