"""On what kind of file system a folder lies, as far as Linux says it."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# They show a machine what another has written when they like to: by its claims a worker could
# not tell that another has taken over.
STALE = {"9p", "afs", "cifs", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"} | {
    f"fuse.{name}"
    for name in ("gcsfuse", "geesefs", "goofys", "mount-s3", "rclone", "s3fs", "sshfs")
}
_ESCAPED = re.compile(r"\\([0-7]{3})")


def stale_file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of a folder's file system if it is one of `STALE`; else an empty text.

    Parameters
    ----------
    folder : Path
        It need not be there yet.
    mounts : Path
        What is mounted where, a line each; where there is no such file nothing is known.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        where = folder.resolve()
    except (OSError, RuntimeError):
        return ""
    found, depth = "", -1
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = Path(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), words[1]))
        # Of two at the same place the later one lies over the other.
        if where.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = words[2], len(point.parts)
    return found if found in STALE else ""
