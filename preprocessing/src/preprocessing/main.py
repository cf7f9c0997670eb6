"""Convert images, CSV files or MNIST's files to TFRecord shards: `python -m preprocessing.main --help`."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from contract import (
    FEATURES_FILENAME,
    ContractError,
    DataContract,
    DatasetStatistics,
    SplitSpec,
    image_features,
)
from contract.naming import SCHEME
from preprocessing.errors import ConversionError
from preprocessing.formats import FORMATS, Conversion
from preprocessing.output import OutputFolder
from preprocessing.pipeline import convert
from preprocessing.stores import UnreadableError, open_store

# Named, because Beam's default downloads a server program before it runs the first pipeline.
DEFAULT_RUNNER = "FnApiRunner"
DATAFLOW_RUNNER = "DataflowRunner"

_EPILOG = f"""\
Options of Beam and of its runner are taken too (--runner, --temp_location, ...). The default runner
is {DEFAULT_RUNNER}, which works here, in this process.

examples:
  python -m preprocessing.main --source photos --output-dir out --dataset flowers --labels daisy,roses
  python -m preprocessing.main --source train.csv --output-dir out --contract {FEATURES_FILENAME} --strict
  python -m preprocessing.main --source adult.data.csv --output-dir out --contract {FEATURES_FILENAME}
  python -m preprocessing.main --source gs://B/raw --output-dir gs://B/out --contract {FEATURES_FILENAME} \\
      --runner=DataflowRunner --no-wait --project=P --region=R --temp_location=gs://B/tmp --extra_package=...
"""

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, unless the output folder holds a committed dataset."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True)
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    # Logs the traceback of every error that is then raised.
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)
    output = arguments.conversion.output
    if output.is_committed():
        logger.info("%s holds a committed dataset: nothing to convert", output.uri)
        if not arguments.wait:
            print(json.dumps({"job_id": None, "job_name": None}))
        return
    try:
        run(arguments)
    except ConversionError as error:
        sys.exit(f"error: {error}")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The parsed command line.

    Attributes:
        conversion: source, contract and output folder.
        wait: whether to wait for the end of a job that runs elsewhere.
        beam: options of Beam and its runner.
    """

    conversion: Conversion
    wait: bool
    beam: PipelineOptions


def run(arguments: Arguments) -> None:
    """Run the pipeline, or submit it."""
    output = arguments.conversion.output
    pipeline = beam.Pipeline(options=arguments.beam)
    convert(pipeline, arguments.conversion)
    result = pipeline.run()
    if not arguments.wait:
        name = arguments.beam.view_as(GoogleCloudOptions).job_name
        print(json.dumps({"job_id": result.job_id(), "job_name": name}))
        return
    result.wait_until_finish()
    statistics = DatasetStatistics.from_text(output.read_text(DatasetStatistics.FILENAME))
    for name in ("read", "records", "duplicates", "rejected", "ignored", "converted"):
        logger.info("%s: %s", name, json.dumps(getattr(statistics, name)))


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """Parse and check the command line; end the program with a message when it is wrong."""
    parser = _parser()
    flags, rest = parser.parse_known_args(argv)
    unknown = _beam_parser().parse_known_args(rest)[1]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options = PipelineOptions(rest)
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or DEFAULT_RUNNER
    try:
        contract = _contract(flags)
        conversion = Conversion(
            contract=contract,
            source=FORMATS[contract.record_format].source(flags.source, contract),
            output=OutputFolder(uri=flags.output_dir.rstrip("/"), dataset=contract.name),
            num_shards=flags.num_shards,
        )
    except (ContractError, UnreadableError) as error:
        parser.error(str(error))
    if standard.runner == DATAFLOW_RUNNER:
        for flag, uri in (("--source", flags.source), ("--output-dir", flags.output_dir)):
            if not uri.startswith(SCHEME):
                parser.error(f"{flag}: expected a gs:// URI with {DATAFLOW_RUNNER}, received {uri!r}")
        cloud = options.view_as(GoogleCloudOptions)
        # The service refuses a second active job of one name: two jobs never write one folder.
        cloud.job_name = cloud.job_name or _job_name(conversion.output)
    elif flags.no_wait:
        parser.error(f"--no-wait: expected --runner={DATAFLOW_RUNNER}, received {standard.runner}")
    return Arguments(conversion=conversion, wait=not flags.no_wait, beam=options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m preprocessing.main",
        description="Convert images, CSV files or MNIST's files to TFRecord shards for TensorFlow Datasets.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--source", required=True, metavar="FOLDER|CSV|gs://...",
        help="images: a folder per label, or a .csv file of image URI and label; "
             "tables: a CSV file or a folder of them; idx: the folder of the files")  # fmt: skip
    add("--output-dir", required=True, metavar="DIR|gs://...", help="folder of shards and metadata")
    add(
        "--num-shards",
        type=int,
        metavar="N",
        help="shards of each split; by default one per 64, 32 or 16 MiB of images, tables or idx files",
    )
    add("--strict", action="store_true", help="decode every image instead of reading its header")
    add("--no-wait", action="store_true",
        help="submit to Dataflow, print the job's id and name as a line of JSON, and end")  # fmt: skip
    contract = parser.add_argument_group("contract", "either a file, or, for images, a name and the labels")
    dataset = contract.add_mutually_exclusive_group(required=True)
    dataset.add_argument("--contract", metavar="FILE", help=f"{FEATURES_FILENAME} of the dataset")
    dataset.add_argument(
        "--dataset", metavar="NAME", help="the dataset's name, for a new contract for images"
    )
    labels = contract.add_mutually_exclusive_group()
    labels.add_argument("--labels", metavar="A,B,C", help="the labels, in the order of their numbers")
    labels.add_argument("--labels-file", metavar="FILE", help="the labels, one a line")
    contract.add_argument("--validation-percent", type=int, metavar="P",
                          help="percentage of the records that is never trained on (10)")  # fmt: skip
    contract.add_argument("--max-rejected-fraction", type=float, metavar="F",
                          help="above this fraction of unusable files it fails (0.05)")  # fmt: skip
    return parser


def _beam_parser() -> argparse.ArgumentParser:
    """Return a parser of every option of Beam, which itself drops unknown ones with a line in the log."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return parser


def _contract(flags: argparse.Namespace) -> DataContract:
    """Return the contract that the flags name or describe.

    Raises:
        ContractError: a flag has a value that it can't have.
        UnreadableError: a file can't be read.
    """
    described = ("labels", "labels_file", "validation_percent", "max_rejected_fraction")
    if flags.contract is not None:
        for name in described:
            if getattr(flags, name) is not None:
                raise ContractError(
                    f"--{name.replace('_', '-')}",
                    expected="nothing beside --contract",
                    received=getattr(flags, name),
                )
        contract = DataContract.from_features_json(_read_text(flags.contract))
        return dataclasses.replace(contract, strict=contract.strict or flags.strict)
    lines = (
        _read_text(flags.labels_file).splitlines() if flags.labels_file else (flags.labels or "").split(",")
    )
    labels = tuple(line.strip() for line in lines if line.strip())
    if not labels:
        raise ContractError("--labels or --labels-file", expected="labels", received=labels)
    contract = DataContract(
        name=flags.dataset, record_format="image", features=image_features(labels), strict=flags.strict
    )
    if flags.validation_percent is not None:
        contract = dataclasses.replace(contract, split=SplitSpec(validation_percent=flags.validation_percent))
    if flags.max_rejected_fraction is not None:
        contract = dataclasses.replace(contract, max_rejected_fraction=flags.max_rejected_fraction)
    return contract


def _read_text(uri: str) -> str:
    try:
        return open_store(uri).read(uri).decode()
    except UnreadableError as error:
        raise UnreadableError(f"{uri}: {error}") from error


def _job_name(output: OutputFolder) -> str:
    digest = hashlib.sha256(output.uri.encode()).hexdigest()[:8]
    return f"{output.dataset.replace('_', '-')}-conversion-{digest}"


if __name__ == "__main__":
    main()
