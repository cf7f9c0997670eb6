"""The variables that point Airflow, gcloud, Google's clients and Beam at one stack."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from local.home import CHECKOUT, HOME_VARIABLE, Home
from local.keys import Keys
from local.ports import LOOPBACK, Ports

PROJECT = "perennial-local"
REGION = "us-central1"
BUCKET = "perennial-local"

STACK_VARIABLE = "PERENNIAL_STACK_ID"
"""In the environment of the stack's processes and nowhere else; a shell that sourced `env` has it not."""

_POLL_SECONDS = "0.5"


def airflow_variables(home: Home, ports: Ports, keys: Keys, dags: Path) -> dict[str, str]:
    """What makes Airflow's services and its command line one installation."""
    options = {
        "core": {
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "dags_folder": str(dags),
            "execution_api_server_url": ports.execution_url,
            "executor": "LocalExecutor",
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
        "database": {"sql_alchemy_conn": f"sqlite:///{home.database}?timeout=60"},
        "dag_processor": {"refresh_interval": "10"},
        "logging": {"base_log_folder": str(home.airflow / "logs"), "colored_console_log": "False"},
        # Deferring costs two more task starts and saves nothing where one machine does all the work.
        "operators": {"default_deferrable": "False"},
        "scheduler": {"scheduler_idle_sleep_time": "0.2"},
        "workers": {"min_heartbeat_interval": "1"},
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": value
        for section, values in options.items()
        for option, value in values.items()
    }
    variables["AIRFLOW_HOME"] = str(home.airflow)
    variables["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"] = json.dumps(
        {
            "conn_type": "google_cloud_platform",
            "extra": {
                "project": PROJECT,
                "is_anonymous": True,
                "vertex_ai_endpoint": f"http://{LOOPBACK}:{ports.emulator}",
                "dataflow_endpoint": ports.emulator_url,
                "logging_endpoint": f"http://{LOOPBACK}:{ports.emulator}",
            },
        }
    )
    return variables


def google_variables(home: Home, ports: Ports) -> dict[str, str]:
    """What points gcloud, the google-cloud clients, gcsfs and Beam at the emulator."""
    loopback = f"http://{LOOPBACK}:{ports.emulator}/"
    return {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAFLOW": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": loopback,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{ports.emulator_url}/storage/v1/",
        "CLOUDSDK_AI_REGION": REGION,
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_COMPUTE_REGION": REGION,
        "CLOUDSDK_CONFIG": str(home.gcloud),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_DATAFLOW_REGION": REGION,
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "GCS_MOUNT": str(home.buckets),
        "GOOGLE_APPLICATION_CREDENTIALS": str(home.emulator / "credentials.json"),
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": REGION,
        "NO_GCE_CHECK": "true",
        "STORAGE_EMULATOR_HOST": ports.emulator_url,
    }


def perennial_variables(home: Home, ports: Ports) -> dict[str, str]:
    """What the retraining chain reads, and the addresses for people."""
    return {
        HOME_VARIABLE: str(home.root),
        "PERENNIAL_AIRFLOW_URL": ports.airflow_url,
        "PERENNIAL_BUCKET": BUCKET,
        "PERENNIAL_EMULATOR_URL": ports.emulator_url,
        "PERENNIAL_PACKAGES": str(home.packages),
        "PERENNIAL_POLL_SECONDS": _POLL_SECONDS,
        "PERENNIAL_PROJECT": PROJECT,
        "PERENNIAL_REGION": REGION,
        "PERENNIAL_SOURCE_ROOT": str(home.samples),
        "PERENNIAL_TENSORBOARD_URL": ports.tensorboard_url,
    }


def process_environment(variables: Mapping[str, str], home: Home) -> dict[str, str]:
    """The environment of the stack's processes: this one's, changed by the variables, and marked."""
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
        # Airflow names its processes; without this the name is written over the environment, marker and all.
        # https://github.com/dvarrazzo/py-setproctitle#environment-variables
        "SPT_NOENV": "1",
        STACK_VARIABLE: home.stack_id,
    }


def write_environment_file(variables: Mapping[str, str], home: Home) -> None:
    """Write the file that points a shell at the stack: `. .local/env`."""
    lines = [
        "# To be sourced: points gcloud, Google's clients, Beam and Airflow's command line at the stack.",
        "# Beam on the emulated Dataflow also wants  --dataflow_endpoint=$PERENNIAL_EMULATOR_URL",
        *(f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())),
        f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}localhost,{LOOPBACK}" no_proxy="$NO_PROXY"',
        f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"',
        f"export PYTHONPATH={shlex.quote(str(CHECKOUT / 'deploy' / 'config'))}",
    ]
    # It holds the stack's keys.
    descriptor = os.open(home.environment_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("\n".join(lines) + "\n")
