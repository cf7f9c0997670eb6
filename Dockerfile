# The images, as targets: `docker build --target trainer --tag REGION-docker.pkg.dev/PROJECT/perennial/trainer:0.1.0 .`
#   trainer, serving   run on Vertex AI
#   trainer-gpu        the trainer with CUDA's libraries, for tiers with GPUs
#   trainer-tpu        the trainer with tensorflow-tpu and libtpu, for tiers with TPUs, of a lock of its own
#   beam               runs on Dataflow's workers, which then install nothing
#   autoencoder        the trainer, for one model
#   airflow            the services of Airflow; dags/, plugins/ and deploy/config/ are mounted, not copied
#   airflow-kubernetes the same with everything in it, for Airflow's Helm chart
#   emulator           Cloud Storage, Dataflow, Vertex AI and Cloud Logging for a server without them; runs all jobs
# trainer, serving and emulator share one layer with TensorFlow. Steps with sources run without uv's cache, which takes
# a member for unchanged as long as its pyproject.toml is.

ARG PYTHON=python:3.11-slim-bookworm
# Beam's launcher of its SDK harness, of the version that uv.lock has.
# https://beam.apache.org/documentation/runtime/environments/
ARG BEAM=apache/beam_python3.11_sdk:2.77.0


FROM ${PYTHON} AS uv
RUN pip install --no-cache-dir --root-user-action=ignore uv==0.13.8


# The files that determine the installed packages: a change of sources leaves the layers with dependencies alone.
FROM scratch AS manifests
COPY pyproject.toml uv.lock /
COPY contract/pyproject.toml /contract/
COPY emulator/pyproject.toml /emulator/
COPY local/pyproject.toml /local/
COPY plugins/pyproject.toml /plugins/
COPY preprocessing/pyproject.toml /preprocessing/
COPY samples/pyproject.toml /samples/
COPY serving/pyproject.toml /serving/
COPY trainer/pyproject.toml /trainer/


FROM ${PYTHON} AS base
ENV PATH=/opt/perennial/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_FROZEN=1 \
    UV_LINK_MODE=copy \
    UV_NO_DEV=1 \
    UV_PROJECT_ENVIRONMENT=/opt/perennial \
    UV_PYTHON_DOWNLOADS=never
RUN useradd --uid 50000 --gid 0 --create-home --shell /usr/sbin/nologin perennial
WORKDIR /src
COPY --from=manifests / ./


FROM base AS tensorflow
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    uv sync --no-install-workspace --package perennial-serving


FROM tensorflow AS serving
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=serving,target=serving,rw \
    uv sync --no-cache --no-editable --package perennial-serving
# A container has to listen on every address: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
ENV SERVING_HOST=0.0.0.0
EXPOSE 8080
USER 50000
WORKDIR /home/perennial
ENTRYPOINT ["python", "-m", "serving.main"]


FROM tensorflow AS trainer
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=trainer,target=trainer,rw \
    uv sync --no-cache --no-editable --package perennial-trainer
# Vertex AI runs the container as the image's user, and only root may write the metrics of a tuning trial to its
# /var/hypertune: https://github.com/GoogleCloudPlatform/cloudml-hypertune/issues/6
USER 0
WORKDIR /home/perennial
ENTRYPOINT ["python", "-m", "trainer.task"]


FROM base AS trainer-gpu
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    uv sync --no-install-workspace --package perennial-trainer --extra gpu
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=trainer,target=trainer,rw \
    uv sync --no-cache --no-editable --package perennial-trainer --extra gpu
USER 0
WORKDIR /home/perennial
ENTRYPOINT ["python", "-m", "trainer.task"]


FROM base AS trainer-tpu
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=source=trainer/tpu,target=trainer/tpu \
    uv sync --project trainer/tpu --no-install-package perennial-contract --no-install-package perennial-trainer
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=trainer,target=trainer,rw \
    uv sync --no-cache --no-editable --project trainer/tpu
# PJRT, without which TensorFlow finds no TPU v5e.
ENV PJRT_DEVICE=TPU \
    NEXT_PLUGGABLE_DEVICE_USE_C_API=true \
    TF_PLUGGABLE_DEVICE_LIBRARY_PATH=/opt/perennial/lib/python3.11/site-packages/libtpu/libtpu.so
USER 0
WORKDIR /home/perennial
ENTRYPOINT ["python", "-m", "trainer.task"]


# An image of a dataset's own (`TrainingSpec(image=...)`): a training job runs it from its URI, on a laptop or in the cloud.
FROM trainer AS autoencoder
ENTRYPOINT ["python", "-m", "trainer.task", "--model", "autoencoder"]


FROM tensorflow AS emulator-dependencies
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    uv sync --no-install-workspace --package perennial-emulator --package perennial-preprocessing \
        --package perennial-samples --package perennial-serving --package perennial-trainer


FROM emulator-dependencies AS emulator
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=emulator,target=emulator,rw \
    --mount=source=preprocessing,target=preprocessing,rw \
    --mount=source=samples,target=samples,rw \
    --mount=source=serving,target=serving,rw \
    --mount=source=trainer,target=trainer,rw \
    uv sync --no-cache --no-editable --package perennial-emulator --package perennial-preprocessing \
        --package perennial-samples --package perennial-serving --package perennial-trainer
COPY deploy/containers/ /usr/local/lib/containers/
# A named volume takes over the owner of the folder that it is mounted on.
RUN install --directory --owner 50000 --group 0 --mode 0775 /var/lib/perennial/emulator /var/lib/perennial/samples
USER 50000
WORKDIR /home/perennial
ENTRYPOINT ["python", "-m", "emulator"]
CMD ["--root", "/var/lib/perennial/emulator", "--port", "9023"]


FROM ${BEAM} AS beam-launcher


FROM base AS beam
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    uv sync --no-install-workspace --package perennial-preprocessing
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=preprocessing,target=preprocessing,rw \
    uv sync --no-cache --no-editable --package perennial-preprocessing
COPY --from=beam-launcher /opt/apache/beam /opt/apache/beam
# Everything is installed: the launcher makes no environment of its own.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
ENTRYPOINT ["/opt/apache/beam/boot"]


# The packages that Dataflow workers install, where no image holds them.
FROM base AS sdists
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=preprocessing,target=preprocessing,rw \
    uv build --no-cache --sdist --package perennial-contract --out-dir /sdists && \
    uv build --no-cache --sdist --package perennial-preprocessing --out-dir /sdists


FROM base AS airflow-dependencies
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    uv sync --no-install-workspace --extra celery --extra kubernetes --extra server \
        --package perennial-retraining --package perennial-preprocessing


FROM airflow-dependencies AS airflow
# The plugin itself is mounted: installed as well, it would be imported from the image whatever the mount says.
RUN --mount=from=uv,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    --mount=source=contract,target=contract,rw \
    --mount=source=preprocessing,target=preprocessing,rw \
    uv sync --no-cache --no-editable --extra celery --extra kubernetes --extra server \
        --package perennial-retraining --package perennial-preprocessing --no-install-package perennial-retraining
COPY --from=sdists /sdists/*.tar.gz /opt/perennial-packages/
COPY deploy/containers/ /usr/local/lib/containers/
RUN install --directory --owner 50000 --group 0 --mode 0775 \
    /opt/airflow /opt/airflow/logs /var/lib/perennial/emulator /var/lib/perennial/samples
ENV AIRFLOW_HOME=/opt/airflow \
    PERENNIAL_PACKAGES=/opt/perennial-packages
USER 50000
WORKDIR /opt/airflow
ENTRYPOINT ["airflow"]
CMD ["version"]


# Nothing is mounted in the pods of Airflow's Helm chart, whose commands and probes are for the official image: they are
# programs with their arguments, or arguments of /entrypoint.
FROM airflow AS airflow-kubernetes
COPY deploy/config/ /opt/airflow/config/
COPY dags/ /opt/airflow/dags/
COPY plugins/ /opt/airflow/plugins/
COPY --chmod=0755 deploy/helm/entrypoint.sh /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["airflow", "version"]
