"""Raw data in a folder and in Cloud Storage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from contract import CsvFormat, DataContract, DatasetSpec, GateSpec, TrainingSpec, number, target
from linked_folders import FILES, linked_folder
from retraining.errors import ConfigurationError
from retraining.google.storage import RawObject, Storage
from retraining.settings import Settings
from retraining.source import Source, snapshot_id
from retraining.source_access import open_source

SETTINGS = {
    "PERENNIAL_PROJECT": "p",
    "PERENNIAL_REGION": "r",
    "PERENNIAL_BUCKET": "b",
    "PERENNIAL_PACKAGES": "dist",
}


class Bucket:
    """Methods of `Storage` that a source calls."""

    def __init__(self, *found: RawObject) -> None:
        self.found = list(found)
        self.asked: list[tuple[str | int, ...]] = []

    def list(self, folder: str) -> list[RawObject]:
        self.asked.append(("list", folder))
        return self.found

    def describe(self, uri: str, name: str) -> RawObject | None:
        return next((found for found in self.found if uri.endswith(found.name)), None)

    def upload(self, file: str, uri: str, *, crc32c: str, replaced: int) -> None:
        self.asked.append(("upload", file, uri, crc32c, replaced))

    def copy(self, source: str, destination: str, *, generation: int, replaced: int) -> None:
        self.asked.append(("copy", source, destination, generation, replaced))


def spec(source: str, **contract: Any) -> DatasetSpec:
    features = {"features": (number("a"), target("b")), "csv": CsvFormat(), "record_format": "csv"}
    return DatasetSpec(
        contract=DataContract(name="trips", **{**features, **contract}),
        source=source,
        training=TrainingSpec(),
        gate=GateSpec(metric="rmse", direction="lower", threshold=1.0),
    )


def opened(source: str, bucket: Bucket, root: str = "") -> Source:
    settings = Settings.from_environment({**SETTINGS, "PERENNIAL_SOURCE_ROOT": root})
    return open_source(spec(source), "", settings, cast(Storage, bucket))


def test_folder_names_its_visible_files_and_describes_the_chosen_ones(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.csv").write_bytes(b"123456789")
    (tmp_path / "two.csv").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"x")
    found = opened(str(tmp_path), Bucket())
    assert found.names == ["a/one.csv", "two.csv"]
    # The check value of CRC-32C: https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iscsi
    assert found.describe({"a/one.csv"}) == [RawObject(name="a/one.csv", size=9, crc32c="4waSgw==")]


def test_folder_and_bucket_ignore_the_same_files_and_say_why(tmp_path: Path) -> None:
    names = [
        "daisy/1.jpg",
        "daisy/.ipynb_checkpoints/1-checkpoint.jpg",
        "daisy/@eaDir/1.jpg/thumb.jpg",
        "license_plates.csv",
        ".DS_Store",
        "roses/Thumbs.db",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    folder = opened(str(tmp_path), Bucket())
    bucket = opened("gs://raw", Bucket(*(RawObject(name=name, size=1, crc32c="x") for name in names)))
    assert folder.names == bucket.names == ["daisy/1.jpg", "license_plates.csv"]
    assert folder.ignored == {
        ".DS_Store": "hidden",
        "daisy/.ipynb_checkpoints/1-checkpoint.jpg": "hidden",
        "daisy/@eaDir/1.jpg/thumb.jpg": "made by a system",
        "roses/Thumbs.db": "made by a system",
    }
    assert bucket.ignored == folder.ignored


def test_folder_follows_links_and_no_loop(tmp_path: Path) -> None:
    found = opened(str(linked_folder(tmp_path)), Bucket())
    assert found.names == FILES
    assert set(found.ignored.values()) == {"link to a folder that holds it"}


def test_folder_is_brought_by_uploads(tmp_path: Path) -> None:
    (tmp_path / "one.csv").touch()
    bucket = Bucket()
    described = RawObject(name="one.csv", size=0, crc32c="AAAAAA==")
    opened(tmp_path.name, bucket, str(tmp_path.parent)).bring(described, "gs://b/raw/one.csv", replaced=7)
    assert bucket.asked == [
        ("upload", str(tmp_path / "one.csv"), "gs://b/raw/one.csv", "AAAAAA==", 7),
    ]


@pytest.mark.parametrize(
    ("source", "root"), [("gs://raw/trips", ""), ("trips", "gs://raw/")], ids=["absolute", "below the root"]
)
def test_objects_are_listed_once_and_copied(source: str, root: str) -> None:
    one, two = (RawObject(name=name, size=1, crc32c="x", generation=5) for name in ("one.csv", "two.csv"))
    bucket = Bucket(one, two)
    found = opened(source, bucket, root)
    assert found.names == ["one.csv", "two.csv"]
    assert found.describe({"two.csv"}) == [two]
    found.bring(two, "gs://b/raw/two.csv")
    assert bucket.asked == [
        ("list", "gs://raw/trips/"),
        ("copy", "gs://raw/trips/two.csv", "gs://b/raw/two.csv", 5, 0),
    ]


def test_source_without_files_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"at least one file in {tmp_path}, received none"):
        opened(str(tmp_path), Bucket())
    with pytest.raises(ConfigurationError, match="at least one file in gs://raw/, received none"):
        opened("gs://raw", Bucket())
    with pytest.raises(ConfigurationError, match=r"expected a folder or a file, received '.*/missing'"):
        opened(str(tmp_path / "missing"), Bucket())


def test_missing_folder_below_the_source_root_is_refused_with_the_hint(tmp_path: Path) -> None:
    variables = {"PERENNIAL_SOURCE_ROOT": str(tmp_path), "PERENNIAL_SOURCE_HINT": "run fetch-samples"}
    settings = Settings.from_environment({**SETTINGS, **variables})
    with pytest.raises(ConfigurationError, match="/trips'; run fetch-samples"):
        open_source(spec("trips"), "", settings, cast(Storage, Bucket()))
    with pytest.raises(ConfigurationError, match=r"/missing'$"):
        open_source(spec(str(tmp_path / "missing")), "", settings, cast(Storage, Bucket()))


def test_relative_source_without_a_root_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"no PERENNIAL_SOURCE_ROOT is set.*received 'trips'"):
        opened("trips", Bucket())


def requested(source: str, **variables: str) -> Source:
    """A source that a run asks for in place of the spec's."""
    given = {f"PERENNIAL_{name.upper()}": value for name, value in variables.items()}
    settings = Settings.from_environment({**SETTINGS, **given})
    return open_source(spec("/spec"), source, settings, cast(Storage, Bucket(OBJECTS[0])))


@pytest.mark.parametrize(
    "source",
    [
        "/etc/ssl",
        "/nowhere",
        "..",
        "trips/../../secrets",
        "gs://other/x",
        "gs://bucket-of-others",
        "gs://raw-2/x",
        "/",
    ],
)
def test_source_that_a_run_asks_for_elsewhere_is_refused_whether_it_exists_or_not(
    tmp_path: Path, source: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ConfigurationError, match="expected the spec's, or one below") as caught:
        requested(source, source_root=str(root), source_prefixes="gs://raw, gs://bucket/raw/")
    assert "crt" not in str(caught.value)


def test_source_that_a_run_asks_for_below_root_or_prefix_is_opened(tmp_path: Path) -> None:
    for name in ("root/trips/1.csv", "shared/trips/2.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    allowed = {"source_root": str(tmp_path / "root"), "source_prefixes": f"{tmp_path}/shared, gs://raw"}
    for source, name in (
        ("trips", "1.csv"),
        (str(tmp_path / "root" / "trips"), "1.csv"),
        (str(tmp_path / "shared" / "trips"), "2.csv"),
        ("gs://raw/trips", "daisy/1.jpg"),
    ):
        assert requested(source, **allowed).names == [name]


def test_link_in_a_requested_source_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    trips, secrets = tmp_path / "root" / "trips", tmp_path / "secrets"
    trips.mkdir(parents=True)
    secrets.mkdir()
    (trips / "1.csv").write_text("x")
    (secrets / "key").write_text("x")
    (trips / "folder").symlink_to(secrets)
    (trips / "2.csv").symlink_to(secrets / "key")
    (trips / "3.csv").symlink_to(trips / "1.csv")
    found = requested("trips", source_root=str(tmp_path / "root"))
    assert found.names == ["1.csv", "3.csv"]
    assert set(found.ignored) == {"folder/", "2.csv"}
    (tmp_path / "root" / "linked").symlink_to(secrets)
    with pytest.raises(ConfigurationError, match="expected the spec's, or one below"):
        requested("linked", source_root=str(tmp_path / "root"))


OBJECTS = [
    RawObject(name="daisy/1.jpg", size=3, crc32c="AAAAAA=="),
    RawObject(name="roses/2.jpg", size=5, crc32c="BBBBBB=="),
]


def test_snapshot_id_does_not_depend_on_the_order() -> None:
    assert snapshot_id(OBJECTS) == snapshot_id(reversed(OBJECTS))
    assert len(snapshot_id(OBJECTS)) == 16


@pytest.mark.parametrize(
    "changed",
    [
        RawObject(name="daisy/2.jpg", size=3, crc32c="AAAAAA=="),
        RawObject(name="daisy/1.jpg", size=4, crc32c="AAAAAA=="),
        RawObject(name="daisy/1.jpg", size=3, crc32c="AAAAAQ=="),
    ],
)
def test_snapshot_id_changes_with_name_size_and_checksum(changed: RawObject) -> None:
    assert snapshot_id([changed, OBJECTS[1]]) != snapshot_id(OBJECTS)


def test_snapshot_id_of_fewer_objects_is_another() -> None:
    assert snapshot_id(OBJECTS[:1]) != snapshot_id(OBJECTS)


def test_folder_with_a_name_in_another_encoding_is_refused_and_named(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/k\xf6ln.jpg")).write_bytes(b"1")
    with pytest.raises(ConfigurationError, match=r"file names in UTF-8, received .*k\\udcf6ln"):
        opened(str(tmp_path), Bucket())
