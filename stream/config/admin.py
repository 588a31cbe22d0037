"""The section of the configuration about the admin port."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.config.sections import Section
from stream.config.values import Duration


class AdminSection(Section):
    """A port that operators may ask; without `verdicts` it changes nothing. docs/operations.md."""

    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where a worker answers, such as 9464. 0: nowhere; `fraudstream demo` then takes any that is
    free."""
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]+$")] = "127.0.0.1"
    """The address that it is bound to; any other than this machine's own needs a `token`."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names, without a port, by which it may be called, such as that of a container:
    `["engine"]`. Names of this machine, `host` and, where that is not this machine, all
    addresses in numbers may be used without being named."""
    token: str = Field(default="", repr=False)
    """Whoever asks must know it, but for `/livez` and `/readyz`: at least 16 letters and digits, or
    `file:/path` of a file that holds them. Give it by environment, never in the file itself.
    Empty: nobody is asked for one."""
    page: bool = True
    """Whether the live page is there too."""
    verdicts: bool = False
    """Whether readers of the page may say what an alert was, fraud or legitimate, which becomes a
    label of analysts; needs a `token` and the `page`. Names are what readers write."""
    stuck_after: Annotated[Duration, Field(ge=1_000_000)] = 60_000_000
    """`/livez` says that a worker is stuck once its loop has stood still for this long."""
