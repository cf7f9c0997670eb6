"""Operating characteristics of the gate: how often an equal model is promoted, and a worse one is refused.

.venv/bin/python benchmarks/gate_power.py --trials 400

Every trial is a chain of ten retrainings on the same validation records, judged by the trainer's bootstrap
and the plugin's gate. The models of a chain answer alike on most records, as retrained models do. The last
line is a JSON object; the table above it is in docs/gate.md.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from contract import DataContract, GateSpec, image_features
from contract.artifacts import Baseline, Evaluation, ExportReport, ProductionEvaluation, Signature
from contract.estimates import noticeable_loss
from retraining.gate import POWER, evaluate_gate
from trainer.bootstrap import bootstrap
from trainer.metrics import MeanMetrics

RETRAININGS = 10
AGREEMENT = 0.9
"""Fraction of records on which a retrained model does as its predecessor would."""

ACCURACY, MAE = 0.85, 2.0
CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))
GATES = {
    "accuracy": GateSpec(metric="accuracy", direction="higher", threshold=0.5, min_examples=1),
    "mae": GateSpec(metric="mae", direction="lower", threshold=5.0, min_examples=1),
}

Outcomes = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """Results of all trials of one metric and number of records.

    Attributes:
        metric: the gate's metric.
        records: number of validation records.
        trials: number of chains.
        first: fraction of equal models that were promoted at the first retraining after production.
        tenth: the same at the tenth.
        stated: mean of the losses that the gate said it can notice.
        refused: fraction refused of models that are worse by the stated loss.
        coverage: fraction of 95 % intervals of the difference that held the true one, 0.
        before: fraction of equal models that the rule "no lower than production" promotes at the tenth.
    """

    metric: str
    records: int
    trials: int
    first: float
    tenth: float
    stated: float
    refused: float
    coverage: float
    before: float


def outcomes(generator: np.random.Generator, metric: str, shared: Outcomes, *, loss: float = 0.0) -> Outcomes:
    """Return what a model does on each record: right or wrong, or its absolute error.

    Args:
        generator: of random numbers.
        metric: `accuracy` or `mae`.
        shared: uniform numbers that all models of a chain have in common, one for each record.
        loss: by which the model is worse than the others, in the metric's unit.
    """
    own = generator.random(len(shared))
    uniform = np.where(generator.random(len(shared)) < AGREEMENT, shared, own)
    if metric == "accuracy":
        return (uniform < ACCURACY - loss).astype(float)
    return -(MAE + loss) * np.log1p(-uniform)


def gate(metric: str, model: Outcomes, production: Outcomes, seed: int) -> tuple[bool, float, float]:
    """Return whether the gate promotes, and the difference with its standard error."""
    served = MeanMetrics(metric, production)
    result = bootstrap(MeanMetrics(metric, model), {"production": served}, seed=seed, resamples=200)
    difference = result.differences["production"]
    far = {"accuracy": 1.0, "mae": -10.0}[metric]
    evaluation = Evaluation(
        examples=len(model),
        metrics={metric: result.metrics[metric].value},
        baseline=Baseline(
            metrics={metric: result.metrics[metric].value - far},
            difference={metric: type(difference[metric])(value=far, standard_error=0.01)},
        ),
        production=ProductionEvaluation(version="1", metrics=served.values(), difference=difference),
        export=ExportReport(
            signature=Signature(inputs={"image_bytes": {}}, outputs={"probabilities": {}}),
            parity_max_abs_difference=0.0,
            finite=True,
        ),
    )
    promoted = evaluate_gate(evaluation, GATES[metric], contract=CONTRACT, model_bytes=1).promote
    return promoted, difference[metric].value, difference[metric].standard_error


def chain(metric: str, records: int, seed: int) -> tuple[list[bool], list[bool], list[float], list[bool]]:
    """Retrain an equal model ten times; return what was promoted, covered, the errors, and the old rule's."""
    generator = np.random.default_rng(seed)
    shared = generator.random(records)
    production = luckiest = outcomes(generator, metric, shared)
    promoted, covered, errors, before = [], [], [], []
    sign = 1 if GATES[metric].direction == "higher" else -1
    for number in range(RETRAININGS):
        model = outcomes(generator, metric, shared)
        passed, value, error = gate(metric, model, production, seed * RETRAININGS + number)
        promoted.append(passed)
        covered.append(abs(value) <= 1.96 * error)
        errors.append(error)
        before.append(bool(sign * model.mean() >= sign * luckiest.mean()))
        if before[-1]:
            luckiest = model
        if passed:
            production = model
    return promoted, covered, errors, before


def characteristics(metric: str, records: int, trials: int) -> Characteristics:
    """Return the results of all trials."""
    chains = [chain(metric, records, seed) for seed in range(trials)]
    first_errors = [errors[0] for _, _, errors, _ in chains]
    spec = GATES[metric]
    examples = records if spec.direction == "higher" else None
    stated = float(
        np.mean(
            [
                noticeable_loss(error, confidence=spec.confidence, power=POWER, examples=examples)
                for error in first_errors
            ]
        )
    )
    refused = []
    for seed in range(trials):
        generator = np.random.default_rng(10_000 + seed)
        shared = generator.random(records)
        production = outcomes(generator, metric, shared)
        worse = outcomes(generator, metric, shared, loss=stated)
        refused.append(not gate(metric, worse, production, seed)[0])
    return Characteristics(
        metric=metric,
        records=records,
        trials=trials,
        first=float(np.mean([promoted[0] for promoted, *_ in chains])),
        tenth=float(np.mean([promoted[-1] for promoted, *_ in chains])),
        stated=stated,
        refused=float(np.mean(refused)),
        coverage=float(np.mean([covered[0] for _, covered, *_ in chains])),
        before=float(np.mean([before[-1] for *_, before in chains])),
    )


def table(results: list[Characteristics]) -> str:
    """Return the results as a Markdown table, each fraction with its 95 % interval."""
    heads = ["metric", "records", "equal model promoted, 1st retraining", "10th", "10th by the rule before"]
    heads += [
        "loss that the gate states",
        "a model worse by it, refused",
        "95 % intervals that hold the truth",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for found in results:
        show: Callable[[float], str] = lambda value, trials=found.trials: _percent(value, trials)  # noqa: E731
        loss = f"{100 * found.stated:.1f} points" if found.metric == "accuracy" else f"{found.stated:.2f}"
        cells = [found.metric, str(found.records), show(found.first), show(found.tenth)]
        cells += [show(found.before), loss, show(found.refused), show(found.coverage)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(value: float, trials: int) -> str:
    half = 1.96 * math.sqrt(max(value * (1 - value), 1 / trials) / trials)
    return f"{100 * value:.0f} % ± {100 * half:.0f}"


def main() -> None:
    """Print the table, and the ratios as the last line."""
    parser = argparse.ArgumentParser(description="Simulates the gate on equal and on worse models.")
    parser.add_argument("--trials", type=int, default=400, help="(default: 400)")
    parser.add_argument("--workers", type=int, default=2, help="(default: 2)")
    options = parser.parse_args()
    cases = [("accuracy", 50), ("accuracy", 106), ("accuracy", 367), ("accuracy", 2000), ("mae", 367)]
    with ProcessPoolExecutor(options.workers) as pool:
        futures = [pool.submit(characteristics, metric, size, options.trials) for metric, size in cases]
        results = [future.result() for future in futures]
    print(table(results))
    print(json.dumps({f"{found.metric} {found.records}": asdict(found) for found in results}))


if __name__ == "__main__":
    main()
