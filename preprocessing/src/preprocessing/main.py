"""Convert images, CSV files or MNIST's files to TFRecord shards: `python -m preprocessing.main --help`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions

from contract import STATISTICS_FILENAME
from preprocessing.arguments import Arguments, parse_arguments
from preprocessing.errors import ConversionError
from preprocessing.pipeline import convert

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, or say why there is nothing to do."""
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
    statistics = json.loads(output.read_text(STATISTICS_FILENAME))
    for name in ("read", "records", "duplicates", "rejected", "ignored", "converted"):
        logger.info("%s: %s", name, json.dumps(statistics[name]))


if __name__ == "__main__":
    main()
