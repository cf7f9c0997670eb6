"""Memory of a training process, in large pages.

On a CPU each step allocates and frees the same hundreds of megabytes, which the system gives back page by
page, cleared: a fourth of the time of a small ResNet. glibc asks for large pages if it is told to, and reads
its tunables when a program starts; so the program starts again. Tunables that keep freed memory would gain
more, but exports into a mounted bucket then took ten times as long.
https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
"""

from __future__ import annotations

import os
import sys

VARIABLE = "GLIBC_TUNABLES"

LARGE_PAGES = "glibc.malloc.hugetlb=1"
"""Transparent huge pages, where the system has them on request; glibc before 2.35 ignores it."""


def use_large_pages() -> None:
    """Start this program again with the tunable; not where it has some already, or another C library.

    The process stays the same, with its id and its parent; nothing may be running in it yet.
    """
    if VARIABLE in os.environ or not _has_glibc():
        return
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, command, {**os.environ, VARIABLE: LARGE_PAGES})  # noqa: S606 - itself


def _has_glibc() -> bool:
    try:
        return sys.platform == "linux" and bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except ValueError:
        return False
