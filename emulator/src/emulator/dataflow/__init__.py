"""Dataflow, API v1b3.

Batch jobs of Beam's Python SDK run for real. A job's process fetches what was staged, checks the pipeline's
hash, installs the job's packages in front of the emulator's own and runs the pipeline with FnApiRunner.
Deviations:

- A bundle is tried once; Dataflow tries it four times. The first exception fails the job.
- There is no autoscaling: a job has the workers of `num_workers`, at most as many as the machine has
  processors. One worker runs inside the job's process, several are processes of their own.
- Steps run in the emulator's Python with its Beam, not in a container: what is installed here and not staged
  is found too. A warning tells where the client's versions are others.
- User metrics appear when the pipeline has ended; there are no system metrics and no execution details.
- A message's text may be of any length. `JOB_VIEW_DESCRIPTION` is the summary.
- The pipeline, packages and folders for temporary files must be in existing buckets of the emulator.
- Streaming jobs, templates, snapshots and steps in other languages are refused.
"""
