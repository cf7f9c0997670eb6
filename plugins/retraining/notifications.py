"""Notifications of failures, promotions and late runs, by an Airflow notifier of the deployment's choice.

PERENNIAL_NOTIFIER=airflow.providers.smtp.notifications.smtp.SmtpNotifier
PERENNIAL_NOTIFIER_ARGUMENTS='{"to": "a@b.org", "subject": "{{ title }}", "html_content": "{{ message }}"}'

Without these there are no notifications. A notifier that fails is logged and doesn't affect the run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retraining.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

PROMOTE = "promote"


def on_failure(context: Context) -> None:
    """Notify of a task that has failed for good; a callback of every task."""
    task = context["ti"].task_id
    error = context.get("exception")
    notify(context, f"{task} failed", f"{task} of {_run(context['dag_run'])} failed: {error}")


def on_promotion(context: Context) -> None:
    """Notify of a version that was promoted; a callback of `promote`."""
    told = {key: context["ti"].xcom_pull(task_ids=PROMOTE, key=key) for key in ("promoted", "note")}
    if told["promoted"]:
        notify(context, "promoted", f"{_run(context['dag_run'])}: {told['note']}")


async def on_deadline(minutes: float, context: Mapping[str, Any]) -> None:
    """Notify of a run that takes longer than its dataset's deadline; runs in the triggerer.

    Args:
        minutes: the limit.
        context: `dag_run`, as Airflow's REST API has it.
    """
    run = context["dag_run"]
    message = f"Run {run['dag_run_id']} of {run['dag_id']} takes longer than {minutes:g} minutes"
    await asyncio.to_thread(notify, context, "late", message)


def notify(context: Mapping[str, Any], what: str, message: str) -> None:
    """Send a message by the deployment's notifier, whose arguments can name `title` and `message`.

    Args:
        context: the task's; templates of the notifier's arguments see it too.
        what: what has happened, in a word or three.
        message: the same in a sentence.

    Raises:
        ConfigurationError: a setting is wrong.
        ImportError: there is no such notifier.
    """
    from airflow.sdk.module_loading import import_string

    settings = Settings.from_environment()
    if settings.notifier is None:
        return
    notifier = import_string(settings.notifier)(**settings.notifier_arguments)
    run = context["dag_run"]
    dag_id = run["dag_id"] if isinstance(run, Mapping) else run.dag_id
    log.info("Notifying %s: %s", settings.notifier, message)
    notifier({**context, "title": f"{dag_id}: {what}", "message": message})


def _run(dag_run: Any) -> str:
    return f"run {dag_run.run_id} of {dag_run.dag_id}"
