"""Room for file descriptors, made while nothing runs yet."""

import fcntl
import os
import resource

MOST = 65_536  # half a megabyte of the kernel's memory


def make_room() -> None:
    """Let the kernel make its table of our descriptors as large as it may become.

    It grows by doubling. Once a process has threads each step waits until every core has passed through the
    scheduler (`expand_files` of Linux), and so does whoever opens a socket: 8 to 30 ms, and on busy cores so long
    that calls are refused meanwhile.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = (MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)) - 1
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.close(fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, last))
    except OSError:
        pass  # the last one is taken, so there is room; or there is no memory, and it grows as it always did
    finally:
        os.close(null)
