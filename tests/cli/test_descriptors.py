"""The table of file descriptors has its room before calls come."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import re, resource
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {soft}))
from bridgetap.cli.descriptors import make_room
before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
make_room()
assert before == sorted(path.name for path in Path("/proc/self/fd").iterdir())
print(re.search(r"FDSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize("soft", [1000, 4096, 70_000])
def test_the_table_is_as_large_as_it_may_become_and_nothing_stays_open(soft: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < soft:
        pytest.skip(f"no more than {hard} open files are allowed here")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(soft=soft)], check=True, capture_output=True, text=True, timeout=60
    )
    assert int(ran.stdout) >= min(soft, 65_536)
