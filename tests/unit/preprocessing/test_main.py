from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, StandardOptions

from contract import CsvFormat, DataContract, number, target
from preprocessing.images.sources import ImageList, LabelFolders
from preprocessing.main import main, parse_arguments

FLAGS = ["--dataset", "flowers", "--labels", "daisy,roses"]


def test_main_converts_and_the_second_time_does_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    flags = ["--source", str(source), "--output-dir", str(output), *FLAGS]
    main(flags)
    assert "records" in capsys.readouterr().err
    written = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    main(flags)
    assert "committed dataset: nothing to convert" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == written


def test_main_that_fails_ends_with_one_line(source: Path, tmp_path: Path) -> None:
    for path in (source / "daisy").iterdir():
        path.write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        main(["--source", str(source), "--output-dir", str(tmp_path / "output"), *FLAGS])
    assert str(caught.value.code).startswith("error: flowers: 12 of 24 files rejected (50.0%)")


def test_main_converts_a_csv_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contract = DataContract(
        name="people", record_format="csv", features=(number("age"), target("income")), csv=CsvFormat()
    )
    (tmp_path / "features.json").write_text(contract.to_features_json())
    (tmp_path / "people.csv").write_text("income,age\n" + "".join(f"{n},{n}\n" for n in range(50)))
    places = ["--source", str(tmp_path / "people.csv"), "--output-dir", str(tmp_path / "output")]
    main([*places, "--contract", str(tmp_path / "features.json")])
    assert "read: 50" in capsys.readouterr().err


def test_main_imports_no_tensorflow() -> None:
    code = "import sys, preprocessing.main; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


PLACES = ["--source", "photos/", "--output-dir", "out/"]
NEW = ["--dataset", "flowers", "--labels", "daisy, roses"]
CLOUD = ["--source", "gs://b/raw", "--output-dir", "gs://b/out", *NEW, "--runner=DataflowRunner"]


def test_parse_arguments_makes_a_new_contract() -> None:
    flags = ["--validation-percent", "20", "--max-rejected-fraction", "0.5", "--strict", "--num-shards", "3"]
    arguments = parse_arguments([*PLACES, *NEW, *flags])
    conversion = arguments.conversion
    assert conversion.contract.label.vocabulary == ("daisy", "roses")
    assert conversion.contract.split.validation_percent == 20
    assert (conversion.contract.max_rejected_fraction, conversion.contract.strict) == (0.5, True)
    assert (conversion.source, conversion.output.uri, conversion.num_shards) == (
        LabelFolders("photos", conversion.contract),
        "out",
        3,
    )
    assert arguments.wait


def test_parse_arguments_reads_contract_and_labels_files(tmp_path: Path, contract: DataContract) -> None:
    (tmp_path / "features.json").write_text(contract.to_features_json())
    (tmp_path / "labels.txt").write_text("daisy\nroses\n\n")
    places = ["--source", "train.csv", "--output-dir", "out"]
    quarter = ["--validation-percent", "25"]
    read = parse_arguments([*places, "--contract", str(tmp_path / "features.json")]).conversion
    made = parse_arguments(
        [*places, "--dataset", "flowers", "--labels-file", str(tmp_path / "labels.txt"), *quarter]
    ).conversion
    assert read == made
    assert read.contract == contract
    assert read.source == ImageList("train.csv")


def test_parse_arguments_names_the_runner_and_keeps_beams_options() -> None:
    default = parse_arguments([*PLACES, *NEW]).beam.view_as(StandardOptions).runner
    given = parse_arguments([*PLACES, *NEW, "--runner=DirectRunner", "--direct_num_workers=2"]).beam
    assert default == "FnApiRunner"
    assert given.view_as(StandardOptions).runner == "DirectRunner"
    assert given.get_all_options(drop_default=True)["direct_num_workers"] == 2


def test_parse_arguments_for_dataflow_names_the_job_after_its_output() -> None:
    first, second = (parse_arguments([*CLOUD, "--no-wait", "--project=p"]) for _ in range(2))
    names = {each.beam.view_as(GoogleCloudOptions).job_name for each in (first, second)}
    assert len(names) == 1
    assert names.pop().startswith("flowers-conversion-")
    assert not first.wait
    named = parse_arguments([*CLOUD, "--job_name=mine"]).beam.view_as(GoogleCloudOptions).job_name
    assert named == "mine"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([*PLACES, *NEW, "--shards", "3"], "unrecognized arguments: --shards 3"),
        ([*PLACES, *NEW, "--num-shard", "3"], "unrecognized arguments: --num-shard 3"),
        ([*PLACES, *NEW, "--num-shards", "0"], "num_shards: expected 1 to 99999, received 0"),
        (PLACES, "one of the arguments --contract --dataset is required"),
        ([*PLACES, "--dataset", "flowers"], "expected labels"),
        ([*PLACES, "--dataset", "Flowers!", "--labels", "a"], "name: expected"),
        ([*PLACES, "--dataset", "flowers", "--labels", "a,a"], "expected distinct values"),
        ([*PLACES, "--contract", "gone.json"], "gone.json: No such file"),
        (
            [*PLACES, "--contract", "gone.json", "--labels", "a"],
            "--labels: expected nothing beside --contract",
        ),
        ([*PLACES, *NEW, "--no-wait"], "--no-wait: expected --runner=DataflowRunner"),
        ([*PLACES, *NEW, "--runner=DataflowRunner"], "--source: expected a gs:// URI with DataflowRunner"),
    ],
)
def test_parse_arguments_that_are_wrong_ends_with_a_message(
    capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(flags)
    assert message in capsys.readouterr().err
