"""Train, evaluate and export a model: the command line of a training job.

python -m trainer.task --data-dir DIR --job-dir DIR --image-size 64 --train-steps 300
"""

from __future__ import annotations

import argparse
import logging
import os
import posixpath
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from contract import ContractError
from trainer.config import MODEL_DEFAULTS, MODEL_OPTIONS, TrainConfig, check_model
from trainer.errors import Interrupted, TrainingError, flag_of
from trainer.flags import FlagModel

EXIT_TERMINATED = 143
"""128 + SIGTERM: the job stopped because it was asked to."""

TUNABLES_VARIABLE = "GLIBC_TUNABLES"
LARGE_PAGES = "glibc.malloc.hugetlb=1"
"""Transparent huge pages where the system has them on request; glibc before 2.35 ignores it."""

_EPILOG = """\
Flags can be written with dashes or underscores. --model MODEL --help shows the flags of that model.
AIP_MODEL_DIR, AIP_CHECKPOINT_DIR, AIP_TENSORBOARD_LOG_DIR, CLOUD_ML_TRIAL_ID and TF_CONFIG are honoured.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job of a command line.

    Returns:
        The exit status: 0, 1 where the job can't go on, 143 where it was asked to stop.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s", force=True)
    try:
        config = parse(argv)
        logging.getLogger("trainer").setLevel(config.verbosity)
        from trainer.train import run

        run(config, environment=os.environ)
    except Interrupted as stop:
        logging.getLogger(__name__).warning("%s", stop)
        return EXIT_TERMINATED
    except (TrainingError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(argv: Sequence[str] | None = None) -> TrainConfig:
    """Return the configuration of a command line; exit with a message where a flag is unknown.

    Raises:
        InputError: a value is not allowed.
    """
    argv = [_with_dashes(word) for word in (sys.argv[1:] if argv is None else argv)]
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--model", default="resnet")
    model = first.parse_known_args(argv)[0].model
    check_model(model)
    parser = argparse.ArgumentParser(
        prog="python -m trainer.task",
        description="Trains a model on TFRecords, evaluates it and exports it as a SavedModel.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_flags(parser, TrainConfig, MODEL_DEFAULTS[model])
    _add_flags(parser.add_argument_group(f"flags of --model {model}"), MODEL_OPTIONS[model], {})
    parser.add_argument(
        "--eval-delay-secs", type=float, default=argparse.SUPPRESS,
        help="accepted for the sake of old command lines; evaluations follow --steps-per-eval",
    )  # fmt: skip
    flags = vars(parser.parse_args(argv))
    flags.pop("eval_delay_secs", None)
    if not flags["data_dir"]:
        if not flags["train_files"]:
            parser.error("the following arguments are required: --data-dir or --train-files")
        folders = [posixpath.dirname(path) for path in flags["train_files"].split(",")]
        flags["data_dir"] = ",".join(dict.fromkeys(folders))
    return TrainConfig.of(**flags)


def _add_flags(parser: Any, config: type[FlagModel], defaults: Mapping[str, Any]) -> None:
    for name, schema in config.schemas().items():
        flag, choices = config.flag(name), schema.get("enum")
        default = defaults.get(name, schema.get("default"))
        shown = "" if default in (None, "") else f" (default: {default})"
        parser.add_argument(
            *map(flag_of, (name, *flag.aliases)),
            dest=name,
            required=name == "job_dir",
            default=default,
            choices=choices,
            metavar=None if choices else name.rpartition("_")[2].upper(),
            help=(schema["description"] + shown).replace("%", "%%"),
            **({"nargs": "+", "action": _Joined} if flag.several else {"type": _PARSERS[schema["type"]]}),
        )


def _with_dashes(word: str) -> str:
    """Return a flag that is written with underscores in its usual form."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


class _Joined(argparse.Action):
    """Several values as one, with commas between them."""

    def __call__(self, _parser: Any, namespace: argparse.Namespace, values: Any, _option: Any = None) -> None:
        setattr(namespace, self.dest, ",".join(values))


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, received {text!r}")
    return text.lower() == "true"


_PARSERS = {"string": str, "integer": int, "number": float, "boolean": _boolean}


def use_large_pages() -> None:
    """Start this program again with glibc's tunable; not where it has some already, or another C library.

    On a CPU each step allocates and frees the same hundreds of megabytes, which the system gives back page by
    page, cleared: a fourth of the time of a small ResNet. glibc reads its tunables when a program starts. The
    process stays the same, with its id and its parent; nothing may be running in it yet. (Tunables that keep
    freed memory would gain more, but exports into a mounted bucket then took ten times as long.)
    https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
    """
    if TUNABLES_VARIABLE in os.environ or not has_glibc():
        return
    environment = {**os.environ, TUNABLES_VARIABLE: LARGE_PAGES}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - itself


def has_glibc() -> bool:
    """Return True on a Linux whose C library is GNU's."""
    try:
        return sys.platform == "linux" and bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except ValueError:
        return False


if __name__ == "__main__":
    use_large_pages()
    sys.exit(main())
