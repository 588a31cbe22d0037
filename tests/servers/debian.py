"""Packages of Debian that a test needs and the machine lacks, where it is ours to install them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

UPDATE_SECONDS = 60
INSTALL_SECONDS = 90
POLICY = Path("/usr/sbin/policy-rc.d")


def can_install() -> bool:
    """Whether this is root on a Debian; FRAUDSTREAM_APT=0 says not to install anything."""
    return (
        os.environ.get("FRAUDSTREAM_APT") != "0"
        and Path("/etc/debian_version").exists()
        and os.geteuid() == 0
        and shutil.which("apt-get") is not None
    )


def install(package: str, seconds: float = INSTALL_SECONDS) -> str:
    """Install a package of Debian without starting any service; return the problem, or ''."""
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    # Debian's own way to say that a package may not start its service; we start our own server.
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        # A fresh image has no package lists, and old lists name files that are gone.
        if not apt(command, seconds):
            return ""
        return apt(["apt-get", "update", "-q"], UPDATE_SECONDS) or apt(command, seconds)
    except OSError as error:
        return str(error)
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def apt(command: list[str], seconds: float) -> str:
    """Run apt-get; return its first error, or '' when it went well."""
    options = ["-o", "DPkg::Lock::Timeout=30"]
    try:
        done = subprocess.run(
            [command[0], *options, *command[1:]],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` did not end within {seconds:.0f} s"
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stdout.splitlines() if line.startswith("E: ")]
    return errors[0] if errors else f"`{' '.join(command)}` ended with {done.returncode}"
