"""A folder's file system is that of the nearest mount above it."""

from pathlib import Path

import pytest

from stream.recovery.mounts import stale_file_system

MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
server:/state /mnt/state nfs4 rw,vers=4.2 0 0
/dev/sdb /mnt/state/local xfs rw 0 0
//server/x /mnt/with\040space cifs rw 0 0
host:/x /mnt/over fuse.sshfs rw 0 0
/dev/sdc /mnt/over ext4 rw 0 0
ceph:/ /mnt/ceph ceph rw 0 0
nonsense
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/state", ""),
        ("/mnt/state", "nfs4"),
        ("/mnt/state/a/b", "nfs4"),
        ("/mnt/state/local/a", ""),
        ("/mnt/stately", ""),
        ("/mnt/with space/a", "cifs"),
        ("/mnt/over/a", ""),
        ("/mnt/ceph/a", ""),
    ],
)
def test_the_nearest_mount_counts_and_of_two_in_one_place_the_later(tmp_path, folder, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert stale_file_system(Path(folder), mounts) == kind


def test_a_link_leads_to_where_the_files_are(tmp_path):
    mounts = tmp_path / "mounts"
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "link").symlink_to(there)
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {there} nfs rw 0 0\n")
    assert stale_file_system(tmp_path / "link" / "state", mounts) == "nfs"


def test_where_nothing_is_told_nothing_is_said(tmp_path):
    assert stale_file_system(tmp_path, tmp_path / "absent") == ""
