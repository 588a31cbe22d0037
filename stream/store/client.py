"""How every client of Redis is made: bounded, and nothing is sent twice on its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.errors import ConfigError, StoreError
from stream.addresses import is_this_machine

_PLAIN, _TLS, _UNIX = "redis", "rediss", "unix"
# Others would be laid over our timeouts, or switch the check of certificates off.
_OPTIONS = {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
# One for a thread; a thread never waits for another's.
_CONNECTIONS_MAX = 2


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is.

    Attributes
    ----------
    url : str
        It may hold a password, so it is never shown.
    timeout_s : float
        Of connecting, and of each answer.
    """

    url: str = field(repr=False)
    timeout_s: float

    @property
    def name(self) -> str:
        """The URL without what is secret in it."""
        parts = urlsplit(self.url)
        if parts.scheme == _UNIX:
            return f"{_UNIX}://{parts.path}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path.rstrip('/')}"

    def check(self, allow_insecure: bool) -> None:
        """Refuse what is no URL of Redis, and to send features in clear over a network.

        Raises
        ------
        ConfigError
            The text holds no secret.
        """
        wrong = "write redis://HOST:6379/0, rediss://HOST:6379/0 for TLS, or unix:///path"
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            raise ConfigError(f"redis.url: its port is no number: {wrong}") from None
        if parts.scheme not in (_PLAIN, _TLS, _UNIX):
            raise ConfigError(f"redis.url: it is no URL of Redis: {wrong}")
        if parts.scheme != _UNIX and not parts.hostname:
            raise ConfigError(f"redis.url: it names no host: {wrong}")
        options = sorted(parse_qs(parts.query, keep_blank_values=True).keys() - _OPTIONS)
        if options:
            raise ConfigError(
                f"redis.url: {', '.join(options)} cannot be set in it: only "
                f"{', '.join(sorted(_OPTIONS))} can; redis.timeout has a key of its own"
            )
        in_clear = parts.scheme == _PLAIN and not is_this_machine(parts.hostname or "")
        if in_clear and not allow_insecure:
            raise ConfigError(
                f"redis.url: {self.name} would send features in clear: write rediss:// for TLS, or "
                "set redis.allow_insecure = true"
            )
        try:
            self.client()
        except (ValueError, TypeError, ssl.SSLError, OSError, redis.RedisError):
            # Its text may quote the URL.
            raise ConfigError(f"redis.url: {self.name} cannot be used: {wrong}") from None

    def client(self, timeout_s: float | None = None) -> redis.Redis:
        """Return a client; it connects with its first command."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        return redis.Redis.from_url(
            self.url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # By default ten more attempts, of which a lost answer makes as many writes.
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            retry_on_error=[],
            max_connections=_CONNECTIONS_MAX,
            health_check_interval=0,
            protocol=2,
            client_name="fraudstream",
        )

    def ping(self) -> None:
        """Ask whether Redis is there.

        Raises
        ------
        StoreError
            It is not, or refuses us.
        """
        client = self.client()
        try:
            with self.asking(client):
                client.ping()
        finally:
            client.close()

    @contextmanager
    def asking(self, client: redis.Redis) -> Iterator[None]:
        """Make what fails inside an error of ours, and forget the connections it failed on.

        Raises
        ------
        StoreError
            Redis did not answer in time, is not there, or refused.
        """
        try:
            yield
        except (redis.RedisError, OSError) as error:
            # An answer that comes late must not be taken for the next one's; and a name that
            # leads elsewhere since a failover is looked up again.
            client.connection_pool.disconnect()
            raise StoreError(f"Redis at {self.name} {self._said(client, error)}") from None

    def _said(self, client: redis.Redis, error: Exception) -> str:
        settings: Mapping[str, Any] = client.connection_pool.connection_kwargs
        if isinstance(error, (redis.TimeoutError, TimeoutError)):
            return f"does not answer within {1000 * settings['socket_timeout']:.0f} ms"
        if isinstance(error, redis.AuthenticationError):
            return "refuses the user or the password of redis.url"
        if isinstance(error, redis.BusyLoadingError):
            return "is loading its data"
        if isinstance(error, redis.ConnectionError | OSError):
            return "cannot be reached, or closed the connection"
        if isinstance(error, redis.OutOfMemoryError):
            return "is full: give it more memory, or shorten redis.features_ttl"
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return f"refused: {self._without_secrets(text)}"

    def _without_secrets(self, text: str) -> str:
        parts = urlsplit(self.url)
        for secret in (self.url, parts.password, parts.username):
            if secret:
                text = text.replace(secret, "***")
        return text
