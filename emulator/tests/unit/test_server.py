import fcntl

import pytest

from emulator.server import RootInUseError, serve


def test_serve_in_a_root_in_use_is_refused(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RootInUseError, match="another emulator runs in"):
            serve(tmp_path, 0, {})
