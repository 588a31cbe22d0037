"""The section of the configuration about the webhook."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.config.sections import Section
from stream.config.values import Duration


class WebhookSection(Section):
    """Where `fraudstream webhook` sends alerts; docs/webhook.md."""

    url: str = Field(default="", repr=False)
    """`https://HOST/PATH` that gets a POST for each alert; it may be `file:/path` of a file that
    holds it, because such addresses are often secrets. Empty: nowhere."""
    secret: str = Field(default="", repr=False)
    """What requests are signed with: `whsec_` and base64 of 24 to 64 bytes, or `file:/path` of a
    file that holds it. Give it by environment, never in the file itself."""
    group: str = ""
    """Consumer group that remembers how far it is; empty: `kafka.group` with `-webhook`."""
    allow_private: bool = False
    """Allow an address of this machine or of a private network. Otherwise nothing that the
    receiver's name leads to makes us ask a machine that only we can reach."""
    allow_insecure: bool = False
    """Allow `http://` to a host that is not this machine: alerts would go in clear."""
    timeout: Annotated[Duration, Field(ge=100_000, le=120_000_000)] = 15_000_000
    """Longest time for one request, from the name to the end of the answer."""
    retries: Annotated[int, Field(ge=0, le=100)] = 8
    """How often an alert is sent again that the receiver refuses; then it is a dead letter. One
    that nobody answers, or that is to come again later, is sent again for as long as it takes."""
    backoff_max: Annotated[Duration, Field(ge=1_000_000, le=86_400_000_000)] = 300_000_000
    """Longest wait between two requests: waits double from one second on."""
    parked_max: Annotated[int, Field(ge=1)] = 10
    """After so many dead letters without an alert that was taken it ends: it is not the alerts."""
