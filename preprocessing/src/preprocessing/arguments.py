"""The flags of a conversion, checked: an unknown one is an error, not something to ignore."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from contract import ContractError, DataContract, SplitSpec, image_features
from contract.mount import SCHEME
from preprocessing.conversion import Conversion
from preprocessing.formats import FORMATS
from preprocessing.output import OutputFolder
from preprocessing.stores import UnreadableError, open_store

# Named, because Beam's default downloads a server program before it runs the first pipeline.
DEFAULT_RUNNER = "FnApiRunner"
DATAFLOW_RUNNER = "DataflowRunner"

_EPILOG = f"""\
Options of Beam and of its runner are taken too (--runner, --temp_location, ...). The default runner
is {DEFAULT_RUNNER}, which works here, in this process.

examples:
  python -m preprocessing.main --source photos --output-dir tfrecord --dataset flowers --labels daisy,roses
  python -m preprocessing.main --source train.csv --output-dir tfrecord --contract features.json --strict
  python -m preprocessing.main --source adult.data.csv --output-dir tfrecord --contract features.json
  python -m preprocessing.main --source gs://B/raw --output-dir gs://B/tfrecord --contract features.json \\
      --runner=DataflowRunner --no-wait --project=P --region=R --temp_location=gs://B/tmp --extra_package=...
"""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What the command line asks for.

    Attributes:
        conversion: what to convert.
        wait: whether to wait for the end of a job that runs elsewhere.
        beam: the options of Beam and its runner.
    """

    conversion: Conversion
    wait: bool
    beam: PipelineOptions


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """The command line as one value; ends the program with a message when it is wrong."""
    parser = _parser()
    flags, rest = parser.parse_known_args(argv)
    unknown = _beam_parser().parse_known_args(rest)[1]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    beam = PipelineOptions(rest)
    standard = beam.view_as(StandardOptions)
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
        cloud = beam.view_as(GoogleCloudOptions)
        # The service refuses a second active job of one name: two jobs never write one folder.
        cloud.job_name = cloud.job_name or _job_name(conversion.output)
    elif flags.no_wait:
        parser.error(f"--no-wait: expected --runner={DATAFLOW_RUNNER}, received {standard.runner}")
    return Arguments(conversion=conversion, wait=not flags.no_wait, beam=beam)


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
    add("--output-dir", required=True, metavar="DIR|gs://...", help="where shards and metadata are written")
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
    which = contract.add_mutually_exclusive_group(required=True)
    which.add_argument("--contract", metavar="FILE", help="features.json of the dataset")
    which.add_argument("--dataset", metavar="NAME", help="the dataset's name, for a new contract for images")
    labels = contract.add_mutually_exclusive_group()
    labels.add_argument("--labels", metavar="A,B,C", help="the labels, in the order of their numbers")
    labels.add_argument("--labels-file", metavar="FILE", help="the labels, one a line")
    contract.add_argument("--validation-percent", type=int, metavar="P",
                          help="share of the records that is never trained on (10)")  # fmt: skip
    contract.add_argument("--max-rejected-fraction", type=float, metavar="F",
                          help="above this share of unusable files the conversion fails (0.05)")  # fmt: skip
    return parser


def _beam_parser() -> argparse.ArgumentParser:
    """Knows every option of Beam; Beam itself drops what it does not know with a line in the log."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return parser


def _contract(flags: argparse.Namespace) -> DataContract:
    """The contract that the flags name.

    Raises:
        ContractError: a flag has a value that it can't have.
        UnreadableError: a file can't be read.
    """
    made = ("labels", "labels_file", "validation_percent", "max_rejected_fraction")
    if flags.contract is not None:
        for name in made:
            if getattr(flags, name) is not None:
                raise ContractError(
                    f"--{name.replace('_', '-')}",
                    expected="nothing beside --contract",
                    received=getattr(flags, name),
                )
        contract = DataContract.from_features_json(_text(flags.contract))
        return dataclasses.replace(contract, strict=contract.strict or flags.strict)
    labels = _text(flags.labels_file).splitlines() if flags.labels_file else (flags.labels or "").split(",")
    labels = tuple(label.strip() for label in labels if label.strip())
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


def _text(uri: str) -> str:
    try:
        return open_store(uri).read(uri).decode()
    except UnreadableError as error:
        raise UnreadableError(f"{uri}: {error}") from error


def _job_name(output: OutputFolder) -> str:
    digest = hashlib.sha256(output.uri.encode()).hexdigest()[:8]
    return f"{output.dataset.replace('_', '-')}-conversion-{digest}"
