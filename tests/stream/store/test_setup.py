"""What is written beside scoring, and when nothing is."""

import pytest

from schemas.errors import ConfigError
from stream.config.configuration import load
from stream.store.setup import copier_of, online_features_of, redis_address_of, shows_features

URL = "redis://127.0.0.1:1/0"


def features_of(config):
    return config.engine_parameters().features


def test_without_a_url_there_is_nothing():
    config = load(None)
    assert redis_address_of(config) is None
    assert not shows_features(config)
    assert online_features_of(config, features_of(config), print) is None
    assert copier_of(config, print) is None


def test_with_a_url_features_are_written_unless_they_are_switched_off():
    config = load(None, redis={"url": URL, "timeout": "250ms"})
    assert redis_address_of(config).timeout_s == 0.25
    assert shows_features(config)
    online = online_features_of(config, features_of(config), print)
    assert online.as_dict()["state"] == "ok"
    online.close()
    off = load(None, redis={"url": URL, "features": False})
    assert not shows_features(off)
    assert online_features_of(off, features_of(off), print) is None


def test_features_that_are_nobodys_need_no_redis():
    config = load(None, redis={"url": URL}, features={"names": ("amount",)})
    assert online_features_of(config, features_of(config), print) is None


def test_a_url_may_be_in_a_file(tmp_path):
    (tmp_path / "url").write_text(f"{URL}\n")
    config = load(None, redis={"url": f"file:{tmp_path / 'url'}"})
    assert redis_address_of(config).name == URL
    (tmp_path / "url").write_text("\n")
    with pytest.raises(ConfigError, match=r"redis\.url: the file that it names holds no URL"):
        redis_address_of(config)
    with pytest.raises(ConfigError, match=r"redis\.url: cannot read the file"):
        redis_address_of(load(None, redis={"url": f"file:{tmp_path / 'none'}"}))


def test_snapshots_are_copied_where_it_is_asked_for(tmp_path):
    own = {"folder": str(tmp_path / "own")}
    assert copier_of(load(None, recovery=own, redis={"url": URL}), print) is None
    with pytest.raises(ConfigError, match=r"recovery\.name: redis\.snapshots needs it"):
        copier_of(load(None, recovery=own, redis={"url": URL, "snapshots": True}), print)
    own["name"] = "a"
    copies = {**own, "copy_folder": str(tmp_path / "copies")}
    for recovery, redis, names in (
        (copies, {}, [str(tmp_path / "copies")]),
        (own, {"url": URL, "snapshots": True}, [URL]),
        (copies, {"url": URL, "snapshots": True}, [str(tmp_path / "copies"), URL]),
    ):
        copier = copier_of(load(None, recovery=recovery, redis=redis), print)
        assert [place.name for place, _ in copier._places] == names
    # A partition is known by its number, whoever has it.
    nameless = {name: text for name, text in copies.items() if name != "name"}
    config = load(None, recovery=nameless, redis={"url": URL, "snapshots": True})
    (folder, _), (server, _) = copier_of(config, print, "partition-00003")._places
    assert folder.name == str(tmp_path / "copies" / "partition-00003")
    assert server._list == "fraudstream:fraudstream:snapshots:partition-00003"
    with pytest.raises(ConfigError, match=r"copy_folder is recovery\.folder"):
        copier_of(load(None, recovery={**own, "copy_folder": own["folder"]}), print)
    with pytest.raises(ConfigError, match=r"redis\.snapshots: there is no redis\.url"):
        copier_of(load(None, recovery=own, redis={"snapshots": True}), print)
