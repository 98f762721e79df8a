"""A disk that can be filled: a file system of a few megabytes where one may mount it, else a bound on file sizes.

Root mounts a tmpfs, whose writes fail with ENOSPC when it is full. Without root the kernel is asked to
refuse the process every write to a file (RLIMIT_FSIZE 0), which then fails with EFBIG: the same to a
program that has to live without writing.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEGABYTES = 64
FILLER = "filler"


class SmallDisk:
    """A folder for one process's data, which `fill` leaves no room for more and `empty` frees again."""

    def __init__(self, folder: Path, mounted: bool):
        self.folder, self.mounted = folder, mounted

    @property
    def refusal(self) -> str:
        """What a writer meets."""
        return "ENOSPC" if self.mounted else "EFBIG"

    def fill(self, pid: int) -> None:
        """Leave no byte free; `pid` is who writes there."""
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with (self.folder / FILLER).open("wb", buffering=0) as file, suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def empty(self, pid: int | None) -> None:
        """Make room again."""
        if self.mounted:
            (self.folder / FILLER).unlink(missing_ok=True)
        elif pid is not None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk of its own at `folder`, unmounted at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0700", "shadowpool", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield SmallDisk(folder, mounted)
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take away what an earlier run left mounted there, too."""
    while folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
