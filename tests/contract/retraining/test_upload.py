"""`upload_data` against the emulator's Cloud Storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

FILES = {"daisy/1.jpg": b"one", "daisy/2.jpg": b"two", "roses/3.jpg": b"three"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, content in {**FILES, ".DS_Store": b"no picture", ".git/config": b"none either"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def uploaded(chain: Any, raw_dir: str) -> dict[str, bytes]:
    folder = chain.file(raw_dir)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_upload_of_a_folder_brings_its_visible_files(chain: Any, pictures: Path) -> None:
    result = chain.upload(str(pictures))
    assert uploaded(chain, result["raw_dir"]) == FILES
    assert result["raw_dir"] == f"gs://{chain.bucket}/datasets/flowers/raw/{result['snapshot']}/"
    assert (result["objects"], result["uploaded"], result["bytes"]) == (3, 3, 11)


def test_upload_of_a_relative_source_is_below_the_source_root(
    chain: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_SOURCE_ROOT", str(pictures))
    assert uploaded(chain, chain.upload("daisy")["raw_dir"]) == {"1.jpg": b"one", "2.jpg": b"two"}


def test_upload_of_a_bucket_gives_the_same_snapshot_as_its_files(chain: Any, pictures: Path) -> None:
    for name, content in FILES.items():
        chain.write(f"gs://{chain.bucket}/incoming/{name}", content.decode())
    result = chain.upload(f"gs://{chain.bucket}/incoming")
    assert uploaded(chain, result["raw_dir"]) == FILES
    again = chain.upload(str(pictures))
    assert (again["snapshot"], again["uploaded"]) == (result["snapshot"], 0)


def test_upload_that_is_repeated_uploads_nothing_and_says_why(chain: Any, pictures: Path) -> None:
    first = chain.upload(str(pictures))
    times = {path: path.stat().st_mtime_ns for path in chain.file(first["raw_dir"]).rglob("*.jpg")}
    second = chain.upload(str(pictures))
    assert second == {
        **first,
        "uploaded": 0,
        "note": f"nothing to upload: snapshot {first['snapshot']} is in the bucket",
    }
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_upload_after_an_interruption_brings_only_what_is_missing(chain: Any, pictures: Path) -> None:
    first = chain.upload(str(pictures))
    chain.file(first["raw_dir"] + "daisy/2.jpg").unlink()
    second = chain.upload(str(pictures))
    assert second["uploaded"] == 1
    assert uploaded(chain, second["raw_dir"]) == FILES


def test_upload_of_changed_files_is_another_snapshot(chain: Any, pictures: Path) -> None:
    first = chain.upload(str(pictures))
    (pictures / "daisy/1.jpg").write_bytes(b"ONE")
    second = chain.upload(str(pictures))
    assert second["snapshot"] != first["snapshot"]
    assert uploaded(chain, first["raw_dir"]) == FILES


def test_upload_goes_on_while_the_service_is_away_for_a_moment(chain: Any, pictures: Path) -> None:
    chain.fault("storage.objects.insert", http_status=503, count=2)
    chain.fault("storage.objects.list", http_status=503, count=1)
    assert uploaded(chain, chain.upload(str(pictures))["raw_dir"]) == FILES


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{tmp}/none", "source: expected a folder, received '.*/none'"),
        ("{tmp}", "source: expected at least one file in .*, received none"),
        ("gs://{bucket}/none", "source: expected at least one file in gs://.*/none/, received none"),
        ("flowers", "no PERENNIAL_SOURCE_ROOT is set.*received 'flowers'"),
    ],
)
def test_upload_of_nothing_fails_at_once_and_names_the_source(
    chain: Any, tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        chain.upload(source.format(tmp=tmp_path, bucket=chain.bucket))


def test_upload_without_a_setting_fails_at_once_and_names_it(chain: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PERENNIAL_REGION")
        with pytest.raises(AirflowFailException, match="PERENNIAL_REGION: expected a region"):
            chain.upload("flowers")
