"""Training of a ResNet that our own input pipeline feeds, against its train step alone, in one run.

    python benchmarks/gpu_training.py
    python benchmarks/gpu_training.py --images 64 --image-size 64 --batch 4 --steps 2 --depth 18

Every side is a process of its own with the trainer's model, optimizer, precision and compiled loop: `input`
takes augmented batches from the pipeline and trains nothing, `step` trains on one batch that stays on the
device, `fed` trains on the pipeline's batches as a job does. Each runs its steps once to warm up (libraries,
compilation, full buffers) and then in rounds, whose median counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from conversion import make_photos, perennial
from own_process import measure, print_figures

from trainer.config import PrecisionName, TrainConfig
from trainer.options import ResnetDepth
from trainer.task import use_large_pages

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.loop import Trainer
    from trainer.records import Records

    Setup = tuple[Trainer, Records, tf.distribute.Strategy, TrainConfig]

SIDES = ("input", "step", "fed")
_LONG_TRAINING = 10_000
"""Steps of the learning rate schedule, more than are measured."""


class OneBatch(Iterator[Any]):
    """The same batch again and again, without a copy.

    Args:
        batch: on the device.
    """

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __next__(self) -> Any:
        """Return the batch."""
        return self._batch


def set_up(config: TrainConfig) -> Setup:
    """Return what a training job of this configuration trains with, as `trainer.train.run` makes it."""
    import keras

    from trainer.loop import Trainer
    from trainer.records import Records
    from trainer.registry import model_spec
    from trainer.strategy import create_strategy, dtype_policy

    strategy = create_strategy({})
    records = Records.open(config.data_dir)
    policy = dtype_policy(config.precision)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        adapter = model_spec(config, records).create(config, records, policy)
    print(f"{hardware()}, {policy}, replicas: {strategy.num_replicas_in_sync}", file=sys.stderr, flush=True)
    trainer = Trainer(strategy, adapter, total_steps=_LONG_TRAINING, config=config)
    return trainer, records, strategy, config


def hardware() -> str:
    """Return the names of the GPUs, or that there is none."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return ", ".join(names) or "there is no GPU here: these are figures of the CPU"


def pipeline_alone(setup: Setup) -> Callable[[int], None]:
    """Return the steps of the side `input`: batches in the host's memory."""
    from trainer.input_pipeline import train_batches

    trainer, records, _, config = setup
    batches = iter(train_batches(trainer.adapter, records, config, seed=config.seed))

    def run(steps: int) -> None:
        for _ in range(steps):
            next(batches)

    return run


def distributed_batches(setup: Setup) -> Iterator[Any]:
    """Return the pipeline's batches on the devices, as `Trainer.fit` takes them."""
    from trainer.input_pipeline import train_batches

    trainer, records, strategy, config = setup

    def batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return train_batches(trainer.adapter, records, config, seed=config.seed, context=context)

    found: Iterator[Any] = iter(strategy.distribute_datasets_from_function(batches))
    return found


def training(trainer: Trainer, batches: Iterator[Any]) -> Callable[[int], None]:
    """Return the steps of a side that trains: one call of the trainer's compiled loop."""

    def run(steps: int) -> None:
        trainer.train_steps(batches, steps=steps)

    return run


def step_alone(setup: Setup) -> Callable[[int], None]:
    """Return the steps of the side `step`."""
    inputs, targets = next(distributed_batches(setup))
    print(f"batch on {getattr(inputs, 'device', 'all devices')}", file=sys.stderr, flush=True)
    return training(setup[0], OneBatch((inputs, targets)))


def fed(setup: Setup) -> Callable[[int], None]:
    """Return the steps of the side `fed`."""
    return training(setup[0], distributed_batches(setup))


def run_side(side: str, config: TrainConfig, *, steps: int, rounds: int) -> None:
    """Time one side in this process and print the figures."""
    run = {"input": pipeline_alone, "step": step_alone, "fed": fed}[side](set_up(config))
    begin = time.perf_counter()
    run(steps)
    print(f"{side}: warm after {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)
    rates = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run(steps)
        rates.append(steps * config.train_batch_size / (time.perf_counter() - begin))
    print(f"{side}: images/s by round: {[round(rate, 1) for rate in rates]}", file=sys.stderr, flush=True)
    print_figures(per_second=statistics.median(rates))


def make_records(folder: Path, images: int) -> Path:
    """Return a folder of TFRecords of seeded photos, made by this project's conversion."""
    photos = folder / "photos"
    print(f"making and converting {images} JPEGs ...", flush=True)
    make_photos(photos, images)
    perennial(photos, folder, images)()
    return folder / "tfrecord"


def main() -> None:
    """Measure all sides and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=4096, help="photos, taken again once all were seen")
    parser.add_argument("--records", type=Path, help="a converted folder of images, in place of new photos")
    parser.add_argument("--depth", type=int, choices=get_args(ResnetDepth), default=50)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--precision", choices=get_args(PrecisionName), default="auto")
    parser.add_argument("--steps", type=int, default=40, help="of a round, and before the first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gpu-training-"))
    try:
        if flags.side:
            config = TrainConfig.of(
                data_dir=str(flags.records),
                job_dir=str(folder),
                resnet_depth=flags.depth,
                image_size=flags.image_size,
                train_batch_size=flags.batch,
                precision=flags.precision,
            )
            run_side(flags.side, config, steps=flags.steps, rounds=flags.rounds)
            return
        records = flags.records or make_records(folder, flags.images)
        print(f"ResNet-{flags.depth}, {flags.image_size} pixels, batches of {flags.batch}, "
              f"{flags.rounds} rounds of {flags.steps} steps\n", flush=True)  # fmt: skip
        rates = {}
        for side in SIDES:
            job = [f"--{name.replace('_', '-')}={getattr(flags, name)}"
                   for name in ("depth", "image_size", "batch", "precision", "steps", "rounds")]  # fmt: skip
            figures = measure(__file__, ["--side", side, "--records", str(records), *job], gpus=True)
            rates[side] = figures.per_second
            print(f"{side:6}{figures.per_second:12,.1f} images/s{figures.peak_mb:9,.0f} MB", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"\nfed, of the step alone  {rates['fed'] / rates['step']:6.2f}")
    print(f"input, of the step      {rates['input'] / rates['step']:6.2f}")
    ratios = {
        "fed_to_step": round(rates["fed"] / rates["step"], 3),
        "input_to_step": round(rates["input"] / rates["step"], 3),
        **{f"{side}_images_per_second": round(rate, 1) for side, rate in rates.items()},
    }
    print(json.dumps(ratios))


if __name__ == "__main__":
    if "--side" in sys.argv:
        use_large_pages()
    main()
