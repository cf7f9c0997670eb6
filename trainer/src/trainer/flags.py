"""The command line of a training job: one flag for each field of `TrainConfig` and of the model's options."""

from __future__ import annotations

import argparse
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from trainer.config import TrainConfig, check_model
from trainer.defaults import MODEL_DEFAULTS, MODEL_OPTIONS
from trainer.ranges import flag_of

_SOURCE_NAMES = {
    "train_files": ("train_data_paths",),
    "eval_files": ("eval_data_paths",),
    "job_dir": ("output_dir", "model_dir"),
    "train_epochs": ("num_epochs", "epochs"),
    "steps_per_eval": ("min_eval_frequency",),
}
"""What the systems that were taught for Cloud ML Engine call the same thing."""

_EPILOG = """\
Flags can be written with dashes or underscores. --model MODEL --help shows the flags of that model.
AIP_MODEL_DIR, AIP_CHECKPOINT_DIR, AIP_TENSORBOARD_LOG_DIR, CLOUD_ML_TRIAL_ID and TF_CONFIG are honoured.
"""


def parse(argv: Sequence[str] | None = None) -> TrainConfig:
    """The configuration that a command line asks for; exits with a message where a flag is unknown.

    Raises:
        InputError: a value is out of range.
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
        help="taken for the sake of old command lines; evaluations follow --steps-per-eval",
    )  # fmt: skip
    flags = vars(parser.parse_args(argv))
    flags.pop("eval_delay_secs", None)
    if not flags["data_dir"]:
        if not flags["train_files"]:
            parser.error("the following arguments are required: --data-dir or --train-files")
        folders = [posixpath.dirname(path) for path in flags["train_files"].split(",")]
        flags["data_dir"] = ",".join(dict.fromkeys(folders))
    return TrainConfig.of(**flags)


def _add_flags(parser: Any, config: type, defaults: Mapping[str, Any]) -> None:
    hints = get_type_hints(config)
    helps = dict(item for parent in reversed(config.__mro__) for item in _attributes(parent.__doc__ or ""))
    for field in fields(config):
        if field.name != "options":
            _add_flag(parser, field, hints[field.name], helps[field.name], defaults)


def _add_flag(parser: Any, field: Field[Any], hint: Any, text: str, defaults: Mapping[str, Any]) -> None:
    names = (field.name, *_SOURCE_NAMES.get(field.name, ()))
    required = field.name == "job_dir"
    default = defaults.get(field.name, None if field.default is MISSING else field.default)
    choices = get_args(hint) if get_origin(hint) is Literal else None
    several = field.name.endswith("_files") or field.name == "data_dir"
    shown = "" if default in (None, "") else f" (default: {default})"
    parser.add_argument(
        *map(flag_of, names),
        dest=field.name,
        required=required,
        default=default,
        choices=choices,
        metavar=None if choices else field.name.rpartition("_")[2].upper(),
        help=(text + shown).replace("%", "%%"),
        **({"nargs": "+", "action": _Joined} if several else {"type": _type_of(hint)}),
    )


def _with_dashes(word: str) -> str:
    """A flag that is written with underscores."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


class _Joined(argparse.Action):
    """Several values as one, with commas between them."""

    def __call__(self, _parser: Any, namespace: argparse.Namespace, values: Any, _option: Any = None) -> None:
        setattr(namespace, self.dest, ",".join(values))


def _type_of(hint: Any) -> Any:
    """What makes a value of a flag's text: `int` for `int | None` and for a literal of numbers."""
    options = [item for item in get_args(hint) if item is not type(None)] or [hint]
    first = options[0] if isinstance(options[0], type) else type(options[0])
    return _boolean if first is bool else first


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, received {text!r}")
    return text.lower() == "true"


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """The fields that a docstring describes, and how: they are the help, too."""
    section = re.search(r"\n    Attributes:\n(.*?)(?:\n\n|\Z)", docstring, re.DOTALL)
    for name, text in re.findall(
        r"^        (\w+): (.*?)(?=^        \w|\Z)", section[1] if section else "", re.M | re.S
    ):
        yield name, " ".join(text.split()).removesuffix(".")
