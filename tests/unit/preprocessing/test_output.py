from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.artifacts import DatasetInfo
from preprocessing.errors import OutputError
from preprocessing.output import FRAME_BYTES, OutputFolder, frame_records, frame_together, masked_crc32c

NAME = "flowers-train.tfrecord-00000-of-00002"


@pytest.fixture
def output(tmp_path: Path) -> OutputFolder:
    return OutputFolder(uri=str(tmp_path / "output"), dataset="flowers")


def test_publish_twice_with_the_same_bytes_is_fine(output: OutputFolder) -> None:
    for _ in range(2):
        output.publish_text(NAME, "same")
    output.publish_text(DatasetInfo.FILENAME, "{}")
    output.publish_text(NAME, "same")
    assert output.read_text(NAME) == "same"


def test_publish_over_the_rest_of_a_broken_attempt_replaces_it(output: OutputFolder) -> None:
    output.publish_text(NAME, "old")
    output.publish_text(NAME, "new")
    assert output.read_text(NAME) == "new"


def test_publish_other_bytes_after_the_commit_raises(output: OutputFolder) -> None:
    output.publish_text(NAME, "old")
    output.publish_text(DatasetInfo.FILENAME, "{}")
    with pytest.raises(OutputError, match="committed"):
        output.publish_text(NAME, "new")
    assert output.read_text(NAME) == "old"


def test_scratch_file_that_fails_leaves_nothing(output: OutputFolder) -> None:
    with pytest.raises(ValueError, match="broken"), output.scratch_file(NAME) as path:  # noqa: PT012 - both belong to it
        path.write_text("half")
        raise ValueError("broken")
    assert list(Path(output.uri).iterdir()) == []


def test_check_shards_names_the_one_that_is_not_whole(output: OutputFolder) -> None:
    output.publish_text(NAME, "four")
    output.check_shards({NAME: 4})
    with pytest.raises(OutputError, match=f"{NAME}: expected 5 bytes, received 4"):
        output.check_shards({NAME: 5})
    with pytest.raises(OutputError, match="received no file"):
        output.check_shards({NAME.replace("train", "validation"): 4})


def test_remove_stale_files_keeps_what_is_not_ours(output: OutputFolder) -> None:
    stale = "flowers-train.tfrecord-00000-of-00003"
    others = ["notes.txt", "roses-train.tfrecord-00000-of-00003"]
    for name in (NAME, stale, f".{NAME}.0123.tmp", *others):
        output.publish_text(name, "x")
    output.remove_stale_files([NAME])
    assert sorted(path.name for path in Path(output.uri).iterdir()) == sorted([NAME, *others])


def test_frame_records_are_as_the_format_says() -> None:
    # What tf.io.TFRecordWriter writes for b"abc".
    expected = bytes.fromhex("0300000000000000b099490e6162636e57f121")
    assert b"".join(frame_records([b"abc", b"abc"])) == 2 * expected
    assert len(expected) == 3 + FRAME_BYTES


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_frame_together_gives_the_same_bytes(records: list[bytes]) -> None:
    assert frame_together(pa.array(records, pa.binary())) == b"".join(frame_records(records))


def test_masked_crc32c_of_zeros_is_the_published_value() -> None:
    # https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4: 32 bytes of zeros have CRC32C 0x8a9136aa.
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
