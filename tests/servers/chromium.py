"""A real browser for the tests of the page: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servers.debian import can_install, install
from servers.kafka_server import ServerUnavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# It is larger than a server.
INSTALL_SECONDS = 200
VERSION_SECONDS = 30


def find_chromium() -> str:
    """Return the path of a Chromium, installing Debian's as root.

    Raises
    ------
    ServerUnavailable
        When there is none and none can be installed.
    """
    if given := os.environ.get("CHROMIUM"):
        return given
    if found := on_path():
        return found
    why = "no `chromium` is on PATH"
    if can_install():
        problem = install("chromium", INSTALL_SECONDS)
        if found := on_path():
            return found
        why += f", and apt-get could not install it ({problem or 'still not on PATH'})"
    raise ServerUnavailable(f"{why}; install chromium, or set CHROMIUM to the path of one")


def on_path() -> str | None:
    """Return the first of `PROGRAMS` on PATH, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def version(program: str) -> str:
    """Return what the program says of itself."""
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
    )
    return done.stdout.strip()


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start a browser without a window, and end it."""
    from playwright.sync_api import sync_playwright

    # It has no sandbox of its own where it is root, and opens nothing but our own page.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()
