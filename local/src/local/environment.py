"""Environment variables that point Airflow, gcloud, Google's clients and Beam at one stack."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from local.accounts import AIRFLOW, JOBS, OWNER, PROJECT, SERVING, email
from local.paths import CHECKOUT, DEFAULT_ROOT, HOME_VARIABLE, StackPaths
from local.ports import LOOPBACK, Ports

REGION = "us-central1"
BUCKET = "perennial-local"

STACK_VARIABLE = "PERENNIAL_STACK_ID"
"""Set for the stack's processes only; a shell that sourced `env` does not have it."""

# Airflow's own are minutes: a kill would stop a run for as long (docs/adr/0024).
_SCHEDULER_PATIENCE = {
    "orphaned_tasks_check_interval": "5",
    "scheduler_health_check_threshold": "20",
    "task_instance_heartbeat_timeout": "40",
    "task_instance_heartbeat_timeout_detection_interval": "5",
    "task_queued_timeout": "40",
    "task_queued_timeout_check_interval": "5",
}
# A restart of the API server takes longer than five attempts of a task to reach it.
_WORKER_PATIENCE = {
    "execution_api_retries": "20",
    "execution_api_retry_wait_max": "5",
}

_POLL_SECONDS = "0.5"
_DATA_POLL_SECONDS = "60"

SOURCE_PREFIXES_VARIABLE = "PERENNIAL_SOURCE_PREFIXES"
"""Folders and `gs://` URIs below which a run can name a source; the shell's goes on to the stack."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Secrets that Airflow's services share, generated once and kept in a file that only its owner reads.

    Attributes:
        jwt_secret: signs the tokens of tasks and users.
        api_secret_key: signs the API server's sessions.
        fernet_key: encrypts connections and variables in the database.
    """

    jwt_secret: str
    api_secret_key: str
    fernet_key: str

    @classmethod
    def load(cls, file: Path) -> Secrets:
        """Return the secrets in the file; generate and write them if there is no valid file."""
        try:
            document = json.loads(file.read_text())
            return cls(**{field.name: document[field.name] for field in fields(cls)})
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            pass
        generated = cls(
            jwt_secret=secrets.token_hex(32),
            api_secret_key=secrets.token_hex(32),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        )
        _write_private(file, json.dumps(asdict(generated), indent=2))
        return generated


def stack_variables(paths: StackPaths, ports: Ports, dags: Path) -> dict[str, str]:
    """Return the variables of a stack's processes."""
    return {
        **airflow_variables(paths, ports, Secrets.load(paths.secrets_file), dags),
        **google_variables(ports),
        **perennial_variables(paths, ports),
    }


def airflow_variables(paths: StackPaths, ports: Ports, keys: Secrets, dags: Path) -> dict[str, str]:
    """Return the configuration of Airflow's services and command line."""
    options = {
        "core": {
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "dags_folder": str(dags),
            "execution_api_server_url": ports.execution_url,
            "executor": "enduring_executor.EnduringLocalExecutor",
            "fernet_key": keys.fernet_key,
            # The default asks the resolver for the machine's full name, which takes seconds on some laptops.
            "hostname_callable": "socket.gethostname",
            # Its heuristic passes over files without the word "airflow"; here every file in dags/ is a DAG.
            "dag_discovery_safe_mode": "False",
            "load_examples": "False",
            "parallelism": "8",
            "plugins_folder": str(CHECKOUT / "plugins"),
            "simple_auth_manager_all_admins": "True",
        },
        "api": {
            "base_url": ports.airflow_url,
            "host": LOOPBACK,
            "port": str(ports.airflow),
            "secret_key": keys.api_secret_key,
            "workers": "1",
        },
        "api_auth": {"jwt_secret": keys.jwt_secret},
        # One process writes at a time: with many tasks on few cores, others wait for more than the usual 5 s.
        "database": {"sql_alchemy_conn": f"sqlite:///{paths.database}?timeout=60"},
        "dag_processor": {"refresh_interval": "10"},
        "logging": {"base_log_folder": str(paths.airflow / "logs"), "colored_console_log": "False"},
        # Deferring costs two more task starts and saves nothing where one machine does all the work.
        "operators": {"default_deferrable": "False"},
        # Its executor waits for the end of a task instead; other executors would keep a core busy.
        "scheduler": {"scheduler_idle_sleep_time": "0", **_SCHEDULER_PATIENCE},
        "triggerer": {"triggerer_health_check_threshold": "20"},
        "workers": {"min_heartbeat_interval": "1", **_WORKER_PATIENCE},
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": value
        for section, values in options.items()
        for option, value in values.items()
    }
    variables["AIRFLOW_HOME"] = str(paths.airflow)
    variables["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"] = json.dumps(
        {
            "conn_type": "google_cloud_platform",
            "extra": {
                "project": PROJECT,
                "key_path": str(paths.key_file(AIRFLOW)),
                "vertex_ai_endpoint": f"http://{LOOPBACK}:{ports.emulator}",
                "dataflow_endpoint": ports.emulator_url,
                "logging_endpoint": f"http://{LOOPBACK}:{ports.emulator}",
                "monitoring_endpoint": f"http://{LOOPBACK}:{ports.emulator}",
                "iam_credentials_endpoint": ports.emulator_url,
                "project_endpoint": ports.emulator_url,
            },
        }
    )
    return variables


def google_variables(ports: Ports) -> dict[str, str]:
    """Return the variables that point the google-cloud clients, gcsfs and Beam at the emulator."""
    return {
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": REGION,
        "NO_GCE_CHECK": "true",
        "STORAGE_EMULATOR_HOST": ports.emulator_url,
    }


def owner_variables(paths: StackPaths, ports: Ports) -> dict[str, str]:
    """Return the variables that log gcloud and Google's clients in as the stack's owner."""
    loopback = f"http://{LOOPBACK}:{ports.emulator}/"
    return {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAFLOW": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{ports.emulator_url}/storage/v1/",
        "CLOUDSDK_AI_REGION": REGION,
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(paths.key_file(OWNER)),
        "CLOUDSDK_AUTH_TOKEN_HOST": f"{ports.emulator_url}/token",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_COMPUTE_REGION": REGION,
        "CLOUDSDK_CONFIG": str(paths.gcloud),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_DATAFLOW_REGION": REGION,
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        "GCS_MOUNT": str(paths.buckets),
        "GOOGLE_APPLICATION_CREDENTIALS": str(paths.key_file(OWNER)),
    }


def perennial_variables(paths: StackPaths, ports: Ports) -> dict[str, str]:
    """Return the settings of the retraining DAGs, and the stack's addresses."""
    perennial = str(Path(sys.executable).with_name("perennial"))
    elsewhere = [] if paths.root == DEFAULT_ROOT else ["--home", str(paths.root)]
    return {
        HOME_VARIABLE: str(paths.root),
        "PERENNIAL_AIRFLOW_URL": ports.airflow_url,
        # Everybody is an administrator: no page of another site may be.
        "PERENNIAL_ALLOWED_HOSTS": f"localhost,{LOOPBACK}",
        "PERENNIAL_BUCKET": BUCKET,
        "PERENNIAL_DATA_POLL_SECONDS": _DATA_POLL_SECONDS,
        "PERENNIAL_EMULATOR_URL": ports.emulator_url,
        # The emulator runs jobs without the accelerators that they ask for.
        "PERENNIAL_EXPECT_ACCELERATORS": "False",
        "PERENNIAL_PACKAGES": str(paths.packages),
        "PERENNIAL_POLL_SECONDS": _POLL_SECONDS,
        "PERENNIAL_PROJECT": PROJECT,
        "PERENNIAL_REGION": REGION,
        "PERENNIAL_SERVICE_ACCOUNT": email(JOBS),
        "PERENNIAL_SERVING_SERVICE_ACCOUNT": email(SERVING),
        # On a laptop a run can name what its user has.
        SOURCE_PREFIXES_VARIABLE: source_prefixes(),
        "PERENNIAL_SOURCE_HINT": f"to fetch sample data: {shlex.join([perennial, *elsewhere, 'up'])}",
        "PERENNIAL_SOURCE_ROOT": str(paths.samples),
        "PERENNIAL_TENSORBOARD_URL": ports.tensorboard_url,
        "PERENNIAL_TRAINER_TPU_IMAGE": f"{REGION}-docker.pkg.dev/{PROJECT}/perennial/trainer-tpu:0.1.0",
    }


def source_prefixes(*added: str) -> str:
    """Return the places below which a run can name a source: the shell's, or those of a laptop's user."""
    return ",".join([os.environ.get(SOURCE_PREFIXES_VARIABLE) or f"{Path.home()},gs://", *added])


def client_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment, pointed at the stack, for a program that outlives `down`."""
    inherited = dict(os.environ)
    # Containers often set it; then every process of Airflow compiles a thousand modules again, for seconds.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    without_proxy = ",".join(filter(None, [inherited.get("NO_PROXY"), "localhost", LOOPBACK]))
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
    return {
        **inherited,
        **variables,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "PATH": path,
        "PYTHONPATH": str(CHECKOUT / "deploy" / "config"),
        "PYTHONUNBUFFERED": "1",
    }


def process_environment(variables: Mapping[str, str], paths: StackPaths) -> dict[str, str]:
    """Return the environment of the stack's own processes, which carries the stack's id."""
    return {
        **client_environment(variables),
        # Airflow renames its processes; without this the new name overwrites the environment.
        # https://github.com/dvarrazzo/py-setproctitle#environment-variables
        "SPT_NOENV": "1",
        STACK_VARIABLE: paths.stack_id,
    }


def write_environment_file(variables: Mapping[str, str], paths: StackPaths) -> None:
    """Write the shell script that points a shell at the stack: `. .local/env`."""
    lines = [
        "# To be sourced: points gcloud, Google's clients, Beam and Airflow's command line at the stack.",
        "# Beam on the emulated Dataflow also wants  --dataflow_endpoint=$PERENNIAL_EMULATOR_URL",
        *(f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())),
        f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}localhost,{LOOPBACK}" no_proxy="$NO_PROXY"',
        f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"',
        f"export PYTHONPATH={shlex.quote(str(CHECKOUT / 'deploy' / 'config'))}",
    ]
    _write_private(paths.environment_file, "\n".join(lines) + "\n")


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
