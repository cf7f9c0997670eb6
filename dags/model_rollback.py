"""The way back: an earlier version of a model takes production again, and promotions are held."""

from pathlib import Path

from contract.naming import dataset_of
from retraining.maintenance import build_rollback_dag

DATASETS = sorted(filter(None, (dataset_of(file.stem) for file in Path(__file__).parent.glob("*.py"))))

dag = build_rollback_dag(DATASETS)
