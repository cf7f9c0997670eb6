from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract import DataContract, SplitSpec, image_features
from contract.artifacts import RejectedRecord
from contract.raw_data import copied_name
from preprocessing.errors import SourceError
from preprocessing.images import RawImage
from preprocessing.images.sources import ImageList, LabelFolders, image_source
from preprocessing.sources import FileBatch

PETS = DataContract(name="pets", record_format="image", features=image_features(("cat", "dog")))


def _listed(source: ImageList | LabelFolders) -> tuple[list[RawImage], list[RejectedRecord], dict[str, str]]:
    batches: list[FileBatch] = [listed for part in source.partitions() for listed in part.list_batches()]
    return (
        [file for batch in batches for file in batch.chunks if isinstance(file, RawImage)],
        [item for batch in batches for item in batch.rejected],
        {file.uri: file.reason for batch in batches for file in batch.ignored},
    )


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("photos/", LabelFolders("photos", PETS)),
        ("gs://bucket/raw", LabelFolders("gs://bucket/raw", PETS)),
        ("gs://bucket/train.CSV", ImageList("gs://bucket/train.CSV")),
    ],
)
def test_image_source_goes_by_the_name(uri: str, source: object) -> None:
    assert image_source(uri, PETS) == source


def test_label_folders_take_their_labels_and_count_what_has_none(tmp_path: Path) -> None:
    for name, data in {"daisy/1.jpg": b"1", "roses/old/2.jpg": b"22"}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(data)
    for name in ("LICENSE.txt", ".hidden", "daisy/.DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "daisy" / "gone.jpg").symlink_to("nowhere")
    files, rejected, ignored = _listed(LabelFolders(str(tmp_path), PETS))
    assert files == [
        RawImage(f"{tmp_path}/daisy/1.jpg", "daisy/1.jpg", "daisy", 1),
        RawImage(f"{tmp_path}/roses/old/2.jpg", "roses/old/2.jpg", "roses", 2),
    ]
    assert [(item.uri, item.reason) for item in rejected] == [(f"{tmp_path}/daisy/gone.jpg", "unreadable")]
    assert ignored == {
        f"{tmp_path}/LICENSE.txt": "document",
        f"{tmp_path}/.hidden": "hidden",
        f"{tmp_path}/daisy/.DS_Store": "hidden",
    }


def test_label_folders_ignore_hidden_folders_and_thumbnails_within_a_label(tmp_path: Path) -> None:
    names = ("cat/1.jpg", "cat/.ipynb_checkpoints/1.jpg", "cat/@eaDir/1.jpg/thumb.jpg", ".thumbnails/2.jpg")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    files, rejected, ignored = _listed(LabelFolders(str(tmp_path), PETS))
    assert [file.name for file in files] == ["cat/1.jpg"]
    assert rejected == []
    assert ignored == {
        f"{tmp_path}/cat/.ipynb_checkpoints/1.jpg": "hidden",
        f"{tmp_path}/cat/@eaDir/1.jpg/thumb.jpg": "made by a system",
        f"{tmp_path}/.thumbnails/2.jpg": "hidden",
    }


@pytest.mark.parametrize(
    ("divided", "labels"),
    [
        (SplitSpec(test_files=("test/*",)), {"train/cat/1.jpg": "cat", "test/cat/2.jpg": "cat"}),
        (SplitSpec(), {"train/cat/1.jpg": "train", "test/cat/2.jpg": "test"}),
    ],
)
def test_label_folders_below_folders_of_a_split_are_found_where_the_contract_names_one(
    tmp_path: Path, divided: SplitSpec, labels: dict[str, str]
) -> None:
    for name in ("train/cat/1.jpg", "test/cat/2.jpg", "test/notes.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    files, _, ignored = _listed(LabelFolders(str(tmp_path), replace(PETS, split=divided)))
    found = {file.name: file.label for file in files if file.name.endswith(".jpg")}
    assert found == labels
    if divided.test_files:
        assert ignored == {f"{tmp_path}/test/notes.csv": "in no label's folder"}


def test_label_folders_with_patterns_of_files_ignore_all_others(tmp_path: Path) -> None:
    for name in ("cat/1.jpg", "cat/1.json", "dog/raw/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    files, _, ignored = _listed(LabelFolders(str(tmp_path), replace(PETS, files=("*.jpg",))))
    assert sorted(file.name for file in files) == ["cat/1.jpg", "dog/raw/2.jpg"]
    assert ignored == {f"{tmp_path}/cat/1.json": "in none of the patterns of files"}


def test_image_source_of_a_snapshot_of_an_image_list_reads_the_copies(tmp_path: Path) -> None:
    lines = ("gs://b/a b.jpg,cat", "../x/c.jpg,dog", "/data/d.jpg,dog", "gone.jpg,cat")
    (tmp_path / "train_set.csv").write_text("\n".join(lines))
    for written in ("gs://b/a b.jpg", "../x/c.jpg", "/data/d.jpg"):
        copy = tmp_path / copied_name(written)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"1")
    files, rejected, _ = _listed(LabelFolders(str(tmp_path), PETS))
    assert [(file.name, file.label) for file in files] == [
        ("gs://b/a b.jpg", "cat"),
        ("../x/c.jpg", "dog"),
        ("/data/d.jpg", "dog"),
    ]
    assert [item.reason for item in rejected] == ["unreadable"]


def test_label_folders_of_a_folder_without_folders_raises(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a folder for each label"):
        list(LabelFolders(str(tmp_path), PETS).partitions())


def test_image_list_finds_relative_and_absolute_files(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(b"22")
    other = tmp_path / "other.jpg"
    other.write_bytes(b"1")
    (tmp_path / "train.csv").write_text(f'a b.jpg, daisy\n\n"{other}",roses\n')
    files, rejected, ignored = _listed(ImageList(str(tmp_path / "train.csv")))
    assert files == [
        RawImage(f"{tmp_path}/a b.jpg", "a b.jpg", "daisy", 2),
        RawImage(str(other), str(other), "roses", 1),
    ]
    assert (rejected, ignored) == ([], {})


def test_image_list_with_bad_lines_rejects_each(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("gone.jpg,daisy\nonly-one\na,b,c\n,daisy\n")
    files, rejected, _ = _listed(ImageList(str(path)))
    assert files == []
    assert [(item.uri, item.reason) for item in rejected] == [
        (f"{tmp_path}/gone.jpg", "unreadable"),
        (f"{path}:2", "unreadable"),
        (f"{path}:3", "unreadable"),
        (f"{path}:4", "unreadable"),
    ]
    assert rejected[1].detail == "expected URI,label, received 'only-one'"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", None])
def test_image_list_that_holds_nothing_raises(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "train.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"train\.csv: "):
        list(ImageList(str(path)).partitions())
