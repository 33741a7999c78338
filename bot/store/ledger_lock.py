"""One process has the ledger, on a disk of its own machine."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.core.errors import StorageError

_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "glusterfs"),
        *("beegfs", "gpfs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.s3fs", "fuse.glusterfs"),
        *("fuse.rclone", "fuse.goofys", "fuse.mount-s3", "fuse.gcsfuse", "fuse.blobfuse2"),
    }
)


def take_lock(path: Path) -> int:
    """Lock the file at `path` for this process until it ends; returns what `release` takes.

    Raises StorageError naming the process that has it. The kernel gives the lock back when its holder dies.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        held = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(
            f"The lock of the ledger {path} cannot be opened: {error.strerror}.",
            hint="Check that patchbot may write in that directory.",
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(held, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(held)
        raise StorageError(
            f"Another patchbot (process {holder}) has the ledger in {path.parent}.",
            hint="One process at a time works on a ledger: stop that one first, or give this one another data_dir.",
        ) from None
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    return held


def release(held: int) -> None:
    """Give the lock back. The file stays: removing it would let two processes lock two files of one name."""
    os.close(held)


def network_file_system(path: Path, *, mounts: str | None = None) -> str:
    """The type of the network file system that `path` is on, "" for a disk of this machine.

    SQLite's locks do not hold on one (sqlite.org, "Use Over A Network"). `mounts` is /proc/self/mountinfo, by its
    format in proc(5); where there is none (macOS) nothing is known and "" is said.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            return ""
    place = os.path.realpath(path)
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].encode("latin-1", "replace").decode("unicode_escape")
        within = place == point or place.startswith(point.rstrip("/") + "/")
        if within and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind if kind in _NETWORK else ""
