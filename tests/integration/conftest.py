"""Sites of workers on a real Kafka, and the end of what a test started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers.kafka_server import delete_topics
from workers.lives import Lives, end_parents
from workers.worker_site import TOPICS, Site, end_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CLIENT = '"session.timeout.ms" = 6000'


@pytest.fixture(scope="module", autouse=True)
def _as_users_have_it(special_kernels: None) -> None:
    """Workers compile what they compile by default."""


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture(scope="session", autouse=True)
def _no_parent_is_left() -> Iterator[None]:
    yield
    end_parents()


@pytest.fixture
def site_factory(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Callable[..., Site]]:
    """Make the test's site on `kafka_bootstrap`, with its topics; they are deleted after it.

    Further sections of its configuration, settings of librdkafka, and the keys of its topics
    are those of `Site`; `made` says whether the topics are there when the test begins.
    """
    topics: list[str] = []

    def make(
        more: str = "",
        client: str = CLIENT,
        names: tuple[str, ...] = TOPICS,
        made: bool = True,
    ) -> Site:
        site = Site(tmp_path, kafka_bootstrap, client, more, names)
        topics.extend(site.topics.values())
        if made:
            site.create_topics()
        return site

    yield make
    delete_topics(kafka_bootstrap, topics)


@pytest.fixture
def lives(site: Site) -> Iterator[Lives]:
    """Workers of the test's site, forked from a process that is ready."""
    with Lives(site) as lives:
        yield lives
