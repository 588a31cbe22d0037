"""From the configuration to what is written beside scoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas.errors import ConfigError
from stream.config.configuration import Config
from stream.features.feature_set import FeatureSet
from stream.store.client import RedisAddress
from stream.store.copier import Copier
from stream.store.copies import Copies
from stream.store.entity_columns import entity_columns
from stream.store.feature_hashes import FeatureHashes
from stream.store.folder_copies import FolderCopies
from stream.store.online import OnlineFeatures
from stream.store.redis_copies import RedisCopies


def redis_address_of(config: Config) -> RedisAddress | None:
    """Return where Redis is; None where it is off. Nobody is asked.

    Raises
    ------
    ConfigError
        If the URL is none, or would send features in clear over a network.
    """
    url = config.redis_url()
    if not url:
        if config.redis.snapshots:
            raise ConfigError("redis.snapshots: there is no redis.url to copy snapshots to")
        return None
    place = RedisAddress(url, config.redis.timeout / 1e6)
    place.check(config.redis.allow_insecure)
    return place


def shows_features(config: Config) -> bool:
    """Tell whether the features of entities are written: an engine must keep their values then."""
    return redis_address_of(config) is not None and config.redis.features


def online_features_of(
    config: Config, features: FeatureSet, tell: Callable[[str], None]
) -> OnlineFeatures | None:
    """Build what writes the features of entities; None where nobody wants them.

    Parameters
    ----------
    config : Config
    features : FeatureSet
        Of the engine, which must keep its values.
    tell : callable
        Told in words what an operator should know; by another thread.
    """
    place, entities = redis_address_of(config), entity_columns(features)
    if place is None or not config.redis.features or not entities:
        return None
    hashes = FeatureHashes(
        place, config.kafka.group, config.topics.transactions, config.redis.features_ttl
    )
    return OnlineFeatures(hashes, entities, tell)


def copier_of(config: Config, tell: Callable[[str], None], partition: str = "") -> Copier | None:
    """Build what copies snapshots; None where they are copied nowhere.

    Parameters
    ----------
    config : Config
    tell : callable
        Told in words what an operator should know; by another thread.
    partition : str
        Name of the one whose state it is; it is known by it, whichever worker has it.
    """
    section, places = config.recovery, list[Copies]()
    name = partition or section.name
    if section.copy_folder:
        if Path(section.copy_folder).absolute() == Path(section.folder).absolute():
            raise ConfigError("recovery.copy_folder is recovery.folder: name another one")
        folder = Path(section.copy_folder)
        places.append(FolderCopies(folder / partition, section.keep))
    place = redis_address_of(config)
    if place is not None and config.redis.snapshots:
        if not name:
            raise ConfigError(
                "recovery.name: redis.snapshots needs it, so that no worker of the group takes "
                'another\'s copies for its own: give each worker one, such as "a"'
            )
        places.append(RedisCopies(place, config.kafka.group, name, section.keep))
    return Copier(places, tell) if places else None
