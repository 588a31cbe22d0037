"""What a worker on a real Kafka decided comes out again, and rules are tried on it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from workers.worker_site import PARTITIONS, TOPICS, Site, Traffic, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

RULE = '[[rule]]\nid = "any"\nwhen = "amount >= 0.0"\naction = "review"\nmode = "shadow"\n'
LARGE = '[[rule]]\nid = "large"\nwhen = "amount > 50.0"\naction = "block"\nmode = "live"\n'


PER_PARTITION = 'state = "per_partition"\npartial_features = true\n'


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site], request: pytest.FixtureRequest) -> Site:
    more = getattr(request, "param", "") + remembering(tmp_path / "state", interval="1h")
    return site_factory(more, names=(*TOPICS, "control"))


@pytest.mark.slow
def test_the_past_comes_out_as_it_was_and_rules_are_tried_on_it(
    site: Site, lives: Lives, tmp_path: Path
) -> None:
    shadow, large = tmp_path / "shadow.toml", tmp_path / "large.toml"
    shadow.write_text(RULE)
    large.write_text(LARGE)
    config = ("--config", str(site.config))
    traffic = Traffic(site, 300, 3)
    traffic.start()
    worker = lives.started()
    until(lambda: sum(site.ends("alerts").values()) > 20, why=worker.log)
    status, _, err = lives.run("rules", "apply", str(shadow), "--by", "anna", "--yes", *config)
    assert status == 0, err
    site.wait_for_more(300)
    assert worker.end(signal.SIGKILL, 10) == -signal.SIGKILL
    heir = lives.started()
    site.wait_for_more(600)
    sent = traffic.finish()
    site.wait_until_decided(sent)
    site.wait_until_committed("labels")
    # The heir took a snapshot once it was what the dead one had been; the past begins there.
    status, out, err = lives.run("backtest", *config, "--json")
    assert status == 0, out + err
    report = json.loads(out)
    assert 500 < report["payments"] < len(sent)
    assert report["recorded"]["decisions"]["other"] == []
    assert report["recorded"]["decisions"]["same"] >= report["payments"]
    alerts = report["recorded"]["alerts"]
    assert alerts["same"] == alerts["replayed"] > 20
    (rule,) = report["live"]["rules"]
    assert (rule["id"], rule["payments"] == rule["in_shadow"] > 0) == ("any", True)

    page = tmp_path / "report.html"
    told = ("--rules", str(large), "--out", str(page), "--json")
    status, out, err = lives.run("backtest", *told, *config)
    assert status == 0, out + err
    report = json.loads(out)
    assert [rule["id"] for rule in report["candidate"]["rules"]] == ["large"]
    assert report["candidate"]["outcomes"]["block"] > report["live"]["outcomes"]["block"]
    assert report["changes"]
    assert "The rules tried" in page.read_text()
    end_well(heir)


@pytest.mark.slow
@pytest.mark.parametrize("site", [PER_PARTITION], indirect=True, ids=["per_partition"])
def test_the_pasts_of_all_partitions_are_one(site: Site, lives: Lives) -> None:
    traffic = Traffic(site, 300, 4, label_key=None)
    traffic.start()
    worker = lives.started()
    until(lambda: sum(site.ends("alerts").values()) > 20, why=worker.log)
    sent = traffic.finish()
    site.wait_until_decided(sent)
    site.wait_until_committed("labels")
    status, out, err = lives.run("backtest", "--config", str(site.config), "--json")
    assert status == 0, out + err
    report = json.loads(out)
    assert report["payments"] == len(sent)
    assert len(report["taken"]["snapshots"]) == PARTITIONS
    assert report["recorded"]["decisions"] == {
        "replayed": len(sent),
        "same": len(sent),
        "other": [],
    }
    assert report["recorded"]["alerts"]["same"] == len(set(site.alert_ids())) > 20
    end_well(worker)
