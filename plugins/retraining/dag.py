"""Continuous training: one DAG that takes a dataset's raw data to a model version in production.

Read it from top to bottom. Tasks pass on only names: ids, URIs and a few numbers; the data stays in the
bucket. A task that is run again finds the resources that it made before (`contract.naming`).
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from contract import DatasetSpec, NewData
from contract.naming import dag_id
from retraining import notifications, tracking
from retraining.operators.approve import ApproveOperator
from retraining.operators.convert import ConvertToTFRecordOperator
from retraining.operators.model_version import (
    CreateModelVersionOperator,
    SmokePredictOperator,
    ValidateExportOperator,
)
from retraining.operators.promote import PromoteOperator
from retraining.operators.train import TrainOperator, TuneOperator
from retraining.operators.upload import UploadDataOperator
from retraining.params import run_params
from retraining.tiers import deployed_tiers, find_tier
from retraining.training_check import check_batch_size, check_training

RETRIES = 3


def build_training_dag(spec: DatasetSpec) -> DAG:
    """Return the DAG `<dataset>_training`.

    Raises:
        ConfigurationError: the deployment has no such scale tier, or its file of tiers can't be read.
        ContractError: a tier has a wrong field, an argument of the training has a name that is taken, or the
            training or the gate asks for what the trainer's models don't have.
    """
    tiers = deployed_tiers()
    check_training(spec)
    check_batch_size(spec.training, {}, find_tier(spec.training.tier, tiers))
    dag = DAG(
        dag_id(spec.name),
        description=f"{spec.name}: raw data to a served, smoke-tested, promoted model version",
        doc_md=spec.description,
        schedule=_schedule(spec),
        catchup=False,
        max_active_runs=spec.max_active_runs,
        deadline=_deadline(spec.deadline_minutes),
        params=run_params(spec, tiers),
        tags=["training", spec.name],
        default_args={
            "spec": spec,
            "retries": RETRIES,
            "retry_delay": timedelta(seconds=5),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=5),
            "on_failure_callback": [notifications.on_failure, tracking.on_failure],
        },
    )
    # A backfill has a limit of its own and ignores the DAG's: what is costly is limited by task, too.
    limit = spec.max_active_runs
    with dag:
        upload = UploadDataOperator(task_id="upload_data", source="{{ params.source or '' }}")
        convert = ConvertToTFRecordOperator(
            task_id="convert_to_tfrecord", snapshot=upload.output["snapshot"], max_active_tis_per_dag=limit
        )
        tuned = None
        if spec.training.tuning is not None:
            tune = TuneOperator(
                task_id="tune",
                snapshot=upload.output["snapshot"],
                data_dir=convert.output["data_dir"],
                max_active_tis_per_dag=limit,
            )
            tuned = tune.output["arguments"]
        train = TrainOperator(
            task_id="train",
            snapshot=upload.output["snapshot"],
            data_dir=convert.output["data_dir"],
            tuned=tuned,
            max_active_tis_per_dag=limit,
        )
        validate = ValidateExportOperator(
            task_id="validate_export", job_dir=train.output["job_dir"], snapshot=upload.output["snapshot"]
        )
        create = CreateModelVersionOperator(
            task_id="create_model_version",
            job_dir=train.output["job_dir"],
            snapshot=upload.output["snapshot"],
            data_until=upload.output["data_until"],
            metrics=validate.output["metrics"],
        )
        # One run at a time: a dataset has one candidate endpoint and one in production.
        smoke = SmokePredictOperator(
            task_id="smoke_predict",
            version=create.output["name"],
            job_dir=train.output["job_dir"],
            allowed=validate.output["promote"],
            max_active_tis_per_dag=1,
        )
        approval, before = None, smoke
        if spec.has_approval:
            before = ApproveOperator(
                task_id="approve",
                spec=spec,
                version=create.output["name"],
                allowed=validate.output["promote"],
                reasons=validate.output["reasons"],
                ask=validate.output["ask"],
            )
            approval = before.output["approval"]
            smoke >> before
        promote = PromoteOperator(
            task_id="promote",
            version=create.output["name"],
            job_dir=train.output["job_dir"],
            data_dir=convert.output["data_dir"],
            allowed=validate.output["promote"],
            reasons=validate.output["reasons"],
            approval=approval,
            max_active_tis_per_dag=1,
            on_success_callback=notifications.on_promotion,
        )
        before >> promote
    return dag


def _schedule(spec: DatasetSpec) -> CronDataIntervalTimetable | list[Asset] | None:
    """Return the schedule: by cron expression after each data interval, by asset event, or none.

    With a cron expression it is a run for each time between two ticks, after the second: plain cron strings
    mean no interval at all.
    """
    schedule = spec.schedule
    if isinstance(schedule, NewData):
        # A name only: an asset with a URI's scheme imports that scheme's provider into every parse.
        return [Asset(name=schedule.asset)]
    return None if schedule is None else CronDataIntervalTimetable(schedule, spec.timezone)


def _deadline(minutes: float | None) -> DeadlineAlert | None:
    """Return the deadline, which counts from when a run is queued: a run that waits can be late, too."""
    if minutes is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        callback=AsyncCallback(notifications.on_deadline, kwargs={"minutes": minutes}),
    )
