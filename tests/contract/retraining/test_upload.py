"""`upload_data` against the emulator's Cloud Storage; an automatic run without anything new ends there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from contract import CsvFormat, DataContract, number, target
from retraining.context import run_context
from retraining.google.storage import ContentChangedError, RawObject
from retraining.source import Folder, Objects

FILES = {"daisy/1.jpg": b"one", "daisy/2.jpg": b"two", "roses/3.jpg": b"three"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, content in {**FILES, ".DS_Store": b"no picture", ".git/config": b"none either"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


MONTHS = {f"trips_2018-{month:02}.csv": f"rides of month {month}\n".encode() for month in range(1, 7)}
MARK = b"seen only from May on"


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """A folder with a file for each month up to June; the one of May carries a mark."""
    for name, content in {**MONTHS, "README.txt": b"about"}.items():
        (tmp_path / name).write_bytes(MARK if name == "trips_2018-05.csv" else content)
    return tmp_path


def monthly(chain: Any, until: str, **fields: Any) -> Any:
    """The run of the month that ends with a day."""
    return chain.with_spec(partition="trips_%Y-%m.csv", window="P3M").other_run(
        f"backfill__{until}",
        **{"run_type": "backfill", "data_interval_end": datetime.fromisoformat(f"{until}T00:00+00:00")}
        | fields,
    )


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
        "data_until": second["data_until"],
        "uploaded": 0,
        "note": f"nothing to upload: snapshot {first['snapshot']} is in the bucket; ignored: 2 hidden "
        f"(gs://{chain.bucket}/datasets/flowers/ignored/{first['snapshot']}.jsonl)",
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


@pytest.mark.parametrize("megabytes", [0, 9], ids=["in one request", "resumable"])
def test_upload_of_a_file_that_changes_after_its_checksum_fails_and_names_it(
    chain: Any, pictures: Path, megabytes: int
) -> None:
    old, new = b"one" + bytes(megabytes << 20), b"uno" + bytes(megabytes << 20)
    changed = pictures / "daisy/1.jpg"
    changed.write_bytes(old)
    describe = Folder.describe

    def describe_and_change(source: Folder, chosen: Collection[str]) -> list[RawObject]:
        found = describe(source, chosen)
        changed.write_bytes(new)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "describe", describe_and_change)
        with pytest.raises(ContentChangedError, match=str(changed)):
            chain.upload(str(pictures))
    stored = chain.file(f"gs://{chain.bucket}/datasets/flowers/raw")
    assert not [file for file in stored.rglob("1.jpg") if file.is_file()]
    retried = chain.upload(str(pictures))
    assert uploaded(chain, retried["raw_dir"]) == FILES | {"daisy/1.jpg": new}
    changed.write_bytes(old)
    first = chain.other_run("manual__2").upload(str(pictures))
    assert uploaded(chain, first["raw_dir"]) == FILES | {"daisy/1.jpg": old}


def test_upload_of_a_file_that_is_gone_after_its_checksum_fails_and_names_it(
    chain: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = pictures / "daisy/1.jpg"
    describe = Folder.describe

    def describe_and_remove(source: Folder, chosen: Collection[str]) -> list[RawObject]:
        found = describe(source, chosen)
        gone.unlink()
        return found

    monkeypatch.setattr(Folder, "describe", describe_and_remove)
    with pytest.raises(ContentChangedError, match=str(gone)):
        chain.upload(str(pictures))


def test_upload_of_an_object_that_is_gone_after_its_listing_fails_and_names_it(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.write(f"gs://{chain.bucket}/incoming/daisy/1.jpg", "one")
    describe = Objects.describe

    def describe_and_remove(source: Objects, chosen: Collection[str]) -> list[RawObject]:
        found = describe(source, chosen)
        with run_context(chain.context) as context:
            context.clients.storage.bucket(chain.bucket).blob("incoming/daisy/1.jpg").delete()
        return found

    monkeypatch.setattr(Objects, "describe", describe_and_remove)
    with pytest.raises(ContentChangedError, match=r"incoming/daisy/1\.jpg"):
        chain.upload(f"gs://{chain.bucket}/incoming/")


def test_upload_of_an_object_that_changes_after_its_listing_fails_and_names_it(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"gs://{chain.bucket}/incoming/"
    with run_context(chain.context) as context:
        blob = context.clients.storage.bucket(chain.bucket).blob("incoming/daisy/1.jpg")
        blob.upload_from_string(b"one")
        describe = Objects.describe

        def describe_and_change(source: Objects, chosen: Collection[str]) -> list[RawObject]:
            found = describe(source, chosen)
            blob.upload_from_string(b"uno")
            return found

        monkeypatch.setattr(Objects, "describe", describe_and_change)
        with pytest.raises(ContentChangedError, match=f"{folder}daisy/1.jpg"):
            chain.upload(folder)
    assert not list(chain.file(f"gs://{chain.bucket}/datasets/").rglob("*.jpg"))


def test_upload_replaces_what_is_not_what_the_snapshot_says(chain: Any, pictures: Path) -> None:
    first = chain.upload(str(pictures))
    with run_context(chain.context) as context:
        name = first["raw_dir"].removeprefix(f"gs://{chain.bucket}/") + "daisy/1.jpg"
        context.clients.storage.bucket(chain.bucket).blob(name).upload_from_string(b"uno")
    again = chain.upload(str(pictures))
    assert again["uploaded"] == 1
    assert uploaded(chain, again["raw_dir"]) == FILES


def test_upload_into_a_folder_with_other_objects_fails_and_names_one(chain: Any, pictures: Path) -> None:
    first = chain.upload(str(pictures))
    chain.write(first["raw_dir"] + "daisy/foreign.jpg", "not of the snapshot")
    with pytest.raises(AirflowFailException, match=r"received also daisy/foreign\.jpg"):
        chain.upload(str(pictures))


def test_upload_goes_on_while_the_service_is_away_for_a_moment(chain: Any, pictures: Path) -> None:
    chain.fault("storage.objects.insert", http_status=503, count=2)
    chain.fault("storage.objects.list", http_status=503, count=1)
    assert uploaded(chain, chain.upload(str(pictures))["raw_dir"]) == FILES


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{tmp}/none", "source: expected a folder or a file, received '.*/none'"),
        ("{tmp}", "source: expected at least one file in .*, received none"),
        ("gs://{bucket}/none", "source: expected at least one file in gs://.*/none/, received none"),
        ("flowers", "no PERENNIAL_SOURCE_ROOT is set.*received 'flowers'"),
        ("/etc/ssl", "source: expected the spec's, or one below .* received '/etc/ssl'"),
    ],
)
def test_upload_of_nothing_fails_at_once_and_names_the_source(
    chain: Any, tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        chain.upload(source.format(tmp=tmp_path, bucket=chain.bucket))


def test_upload_of_an_image_list_brings_it_and_what_it_names(chain: Any, tmp_path: Path) -> None:
    chain.write(f"gs://{chain.bucket}/photos/a.jpg", "one")
    (tmp_path / "b.jpg").write_bytes(b"two")
    lines = [f"gs://{chain.bucket}/photos/a.jpg,daisy", "b.jpg,roses", f"{tmp_path}/gone.jpg,roses"]
    (tmp_path / "train_set.csv").write_text("\n".join(lines))
    result = chain.upload(str(tmp_path / "train_set.csv"))
    assert uploaded(chain, result["raw_dir"]) == {
        "train_set.csv": "\n".join(lines).encode(),
        f"objects/gs/{chain.bucket}/photos/a.jpg": b"one",
        "objects/list/b.jpg": b"two",
    }
    chain.write(
        f"gs://{chain.bucket}/photos/train_set.csv", f"a.jpg,daisy\ngs://{chain.bucket}/photos/a.jpg,roses"
    )
    result = chain.upload(f"gs://{chain.bucket}/photos/train_set.csv")
    assert sorted(uploaded(chain, result["raw_dir"])) == [
        f"objects/gs/{chain.bucket}/photos/a.jpg",
        "objects/list/a.jpg",
        "train_set.csv",
    ]


def test_upload_of_an_image_list_that_names_what_no_run_may_name_is_refused(
    chain: Any, tmp_path: Path
) -> None:
    (tmp_path / "train_set.csv").write_text("/etc/hostname,daisy\n")
    with pytest.raises(AirflowFailException, match=r"expected the spec's, or one below .* '/etc/hostname'"):
        chain.upload(str(tmp_path / "train_set.csv"))


def test_upload_of_one_file_is_a_snapshot_of_it(chain: Any, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    (tmp_path / "test.csv").write_text("a\n1\n")
    contract = DataContract(
        name="flowers", record_format="csv", csv=CsvFormat(), features=(number("a"), target("b"))
    )
    table = chain.with_spec(contract=contract)
    local = table.upload(str(tmp_path / "train.csv"))
    assert uploaded(chain, local["raw_dir"]) == {"train.csv": b"a,b\n1,2\n"}
    chain.write(f"gs://{chain.bucket}/landing/train.csv", "a,b\n1,2\n")
    assert table.upload(f"gs://{chain.bucket}/landing/train.csv")["snapshot"] == local["snapshot"]
    chosen = table.with_spec(contract=replace(contract, files=("train*.csv",)))
    whole = chosen.upload(str(tmp_path))
    assert whole["snapshot"] == local["snapshot"]
    assert whole["ignored"] == {"in none of the patterns of files": 1}


def test_upload_without_a_setting_fails_at_once_and_names_it(chain: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PERENNIAL_REGION")
        with pytest.raises(AirflowFailException, match="PERENNIAL_REGION: expected a region"):
            chain.upload("flowers")


def test_upload_for_a_month_brings_its_window_and_nothing_of_later(chain: Any, months: Path) -> None:
    result = monthly(chain, "2018-05-01").upload(str(months))
    names = ["trips_2018-02.csv", "trips_2018-03.csv", "trips_2018-04.csv"]
    assert uploaded(chain, result["raw_dir"]) == {name: MONTHS[name] for name in names}
    assert (result["data_from"], result["data_until"]) == (
        "2018-02-01T00:00:00+00:00",
        "2018-05-01T00:00:00+00:00",
    )
    assert result["note"].startswith(
        "uploaded 3 of 3 objects (2018-02 to 2018-04); ignored: 1 document (gs://"
    )
    assert result["ignored"] == {"document": 1}


def test_upload_of_no_run_before_its_interval_has_seen_a_marked_file(chain: Any, months: Path) -> None:
    snapshots = {}
    for until in ("2018-02-01", "2018-03-01", "2018-04-01", "2018-05-01"):
        snapshots[until] = monthly(chain, until).upload(str(months))["snapshot"]
    bucket = chain.file(f"gs://{chain.bucket}/")
    assert not [path for path in bucket.rglob("*") if path.is_file() and MARK in path.read_bytes()]
    after = monthly(chain, "2018-06-01").upload(str(months))
    assert uploaded(chain, after["raw_dir"])["trips_2018-05.csv"] == MARK
    (months / "trips_2018-05.csv").write_bytes(b"changed")
    assert {u: monthly(chain, u).upload(str(months))["snapshot"] for u in snapshots} == snapshots


def test_upload_of_a_buckets_months_is_the_same_snapshot(chain: Any, months: Path) -> None:
    for file in months.iterdir():
        chain.write(f"gs://{chain.bucket}/incoming/{file.name}", file.read_text())
    run = monthly(chain, "2018-05-01")
    there = run.upload(f"gs://{chain.bucket}/incoming")
    here = run.upload(str(months))
    assert (here["snapshot"], here["uploaded"]) == (there["snapshot"], 0)


def test_upload_for_a_month_that_is_late_waits_for_it(chain: Any, months: Path) -> None:
    run = monthly(chain, f"{datetime.now(UTC):%Y-%m}-01", run_type="scheduled")
    run = run.with_spec(max_data_delay="P2M")
    with pytest.raises(AirflowRescheduleException) as caught:
        run.upload(str(months))
    assert timedelta(minutes=1) < caught.value.reschedule_date - datetime.now(UTC) < timedelta(hours=1)
    assert "waiting until" in run.task.xcoms["note"]


def test_upload_for_a_month_that_never_came_fails_at_once(chain: Any, months: Path) -> None:
    run = monthly(chain, "2018-08-01", run_type="scheduled")
    with pytest.raises(AirflowFailException, match="no data for 2018-07 yet: the newest is of 2018-06"):
        run.upload(str(months))


@pytest.mark.parametrize("dated", [datetime(2099, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])
def test_upload_of_data_without_partitions_is_until_it_was_read(
    chain: Any, months: Path, dated: datetime
) -> None:
    found = chain.other_run("manual__dated", logical_date=dated).upload(str(months))
    read = datetime.fromisoformat(found["data_until"])
    assert abs(datetime.now(UTC) - read) < timedelta(minutes=1)


def test_upload_by_hand_ends_with_the_newest_month_or_where_it_is_told(chain: Any, months: Path) -> None:
    by_hand = monthly(chain, "2018-05-01", run_type="manual", data_interval_end=None)
    assert by_hand.upload(str(months))["data_until"] == "2018-07-01T00:00:00+00:00"
    told = by_hand.with_params(data_until="2018-05-31").upload(str(months))
    assert told["data_until"] == "2018-05-01T00:00:00+00:00"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "daisy").mkdir()
    (tmp_path / "daisy/1.jpg").write_bytes(b"one")
    return tmp_path


@pytest.fixture
def in_production(chain: Any, picture: Path) -> str:
    """The snapshot that the version in production was trained on."""
    snapshot: str = chain.upload(str(picture))["snapshot"]
    job_dir = chain.trained()
    chain.promote(chain.create_version(job_dir, snapshot=snapshot)["name"], job_dir)
    return snapshot


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_upload_of_unchanged_data_skips_the_run_and_names_version_and_snapshot(
    chain: Any, picture: Path, in_production: str, run_type: str
) -> None:
    run = chain.other_run("r2", run_type=run_type)
    with pytest.raises(
        AirflowSkipException, match=f"version 1 in production was trained on snapshot {in_production}"
    ):
        run.upload(str(picture))
    assert run.task.xcoms["note"].startswith("nothing new: version 1 in production")


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_upload_of_unchanged_data_goes_on_where_a_person_asked_for_the_run(
    chain: Any, picture: Path, in_production: str, run_type: str
) -> None:
    run = chain.other_run("r2", run_type=run_type)
    assert run.upload(str(picture))["snapshot"] == in_production
    with pytest.raises(AirflowSkipException):
        run.with_params(unchanged="skip").upload(str(picture))


@pytest.mark.parametrize(
    "params", [{"unchanged": "train"}, {"reconvert": True}, {"accuracy": 0.8}, {"tune": True}]
)
def test_upload_for_a_run_that_asks_for_something_else_goes_on(
    chain: Any, picture: Path, in_production: str, params: dict[str, Any]
) -> None:
    run = chain.other_run("r2", run_type="scheduled").with_params(**params)
    assert run.upload(str(picture))["snapshot"] == in_production


@pytest.mark.usefixtures("in_production")
def test_upload_of_changed_data_goes_on(chain: Any, picture: Path) -> None:
    (picture / "daisy/2.jpg").write_bytes(b"two")
    assert chain.other_run("r2", run_type="scheduled").upload(str(picture))["uploaded"] == 2


@pytest.mark.usefixtures("in_production")
def test_upload_under_another_image_goes_on(
    chain: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_TRAINER_IMAGE", "somewhere/perennial-tests/chain_trainer:0.2.0")
    assert chain.other_run("r2", run_type="scheduled").upload(str(picture))["uploaded"] == 0


def test_upload_without_a_version_in_production_goes_on(chain: Any, picture: Path) -> None:
    chain.create_version(chain.trained(), snapshot=chain.upload(str(picture))["snapshot"])
    assert chain.other_run("r2", run_type="scheduled").upload(str(picture))["uploaded"] == 0
