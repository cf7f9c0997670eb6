"""Vertex AI, v1: custom, tuning and batch prediction jobs, models, endpoints, predictions, operations.

A replica or server whose image `--image` names is a process of this machine that runs the Python module; its
log begins with a line that says so. Other training images run in a container engine (`--engine`), where they
see the buckets below /gcs and run as the emulator's user; without an engine such a job fails. Deviations:

- Names keep the project as the request wrote it, id or number; the service always answers with the number.
- A job's machines, accelerators, network and service account are taken and not used, nor are this machine's
  accelerators given to containers.
- `restart_job_on_worker_restart` is not followed: a job whose replica fails or is preempted is FAILED.
- `CLUSTER_SPEC` is set for all jobs, `TF_CONFIG` for those of several replicas; addresses are local ports.
- When the emulator is stopped, running jobs end as FAILED and say so. When it is killed they go on, and the
  next start finds them; one whose process is gone too is FAILED and says that it is lost.
- A tuning job's trials are custom jobs (`Trial.custom_job`), listed like others, but without the tuning
  job's labels; their log is the tuning job's.
- Optuna chooses what trials try, seeded by the tuning job's display name. The values of
  a discrete parameter count as equally far apart, whatever its scale; no combination is tried twice, and a
  study that has tried all of them ends.
- A trial's metrics are the last 100 reports that `cloudml-hypertune` wrote in its first replica, to
  `CLOUD_ML_HP_METRIC_FILE`. Outside a container engine nobody reads /tmp/hypertune.
- Where `max_failed_trial_count` is 0 a tuning job fails when more than half of its trials did. Early
  stopping, safety metrics, conditional parameters and `study_stopping_config` are refused.
- A deployed model has one server whatever `min_replica_count` says, and reads `artifact_uri` itself; the
  service copies the artifacts when the model is uploaded. Serving images run in no container engine.
- A batch prediction job has one server, reads and writes JSON Lines in Cloud Storage alone, and writes its
  files when it ends; a server's refusal of a batch is that of every instance in it. Killed with the emulator,
  it begins anew.
- A copied model reads the same artifacts as its source.
- Where FUSE is there, replicas that are processes see the buckets at `GCS_MOUNT` as Cloud Storage FUSE mounts
  them (`--gcs-fuse`); the kernel keeps attributes for a second, not for 60.
- A dedicated endpoint has the emulator's own URL, host and port, as its `dedicated_endpoint_dns`, and answers
  in the shared place, too.
- Filters compare text without regard to case.
- An operation that was not done when the emulator ended fails with ABORTED.
"""
