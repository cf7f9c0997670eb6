"""`perennial cloud push`: images, packages and DAGs of one commit, brought to a deployment's project.

Images go to Artifact Registry with the commit as their tag, everything else below `packages/COMMIT/` of the
bucket. What is there already stays: a commit's files never change. All of it is made from the commit's own
files in a scratch folder, so that nothing else of the working tree can be in it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from local import StackError, module_runner
from local.paths import CHECKOUT

_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"
"""Variable by which gcloud, too, finds another server. https://cloud.google.com/sdk/docs/properties"""
_REGISTRY = "https://artifactregistry.googleapis.com/"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_PLATFORM = "linux/amd64"  # of the deployment's machines, whatever the laptop's
_Files = Iterator[tuple[str, Path, bool]]
_TAG = "PERENNIAL_IMAGE_TAG"
_WHEELS = ("perennial-contract", "perennial-preprocessing", "perennial-retraining")
_SDISTS = ("perennial-contract", "perennial-preprocessing")
_OWN_FILES = {"infrastructure.toml": "PERENNIAL_INFRASTRUCTURE_FILE", "tiers.toml": "PERENNIAL_TIERS_FILE"}
"""Files of the deployment, not of the commit."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One of the Dockerfile's targets that a deployment uses.

    Attributes:
        packages: arguments of `uv export` that choose what is installed in it.
        setting: variable that names it; none for one that is found beside another, or named elsewhere.
    """

    packages: Sequence[str]
    setting: str = ""


_AIRFLOW = (
    *("--package", "perennial-retraining", "--package", "perennial-preprocessing"),
    *("--extra", "celery", "--extra", "kubernetes", "--extra", "server"),
)

IMAGES: Mapping[str, Image] = {
    "trainer": Image(packages=["--package", "perennial-trainer"], setting="PERENNIAL_TRAINER_IMAGE"),
    "trainer-gpu": Image(
        packages=["--package", "perennial-trainer", "--extra", "gpu"], setting="PERENNIAL_TRAINER_GPU_IMAGE"
    ),
    "trainer-tpu": Image(packages=["--project", "trainer/tpu"], setting="PERENNIAL_TRAINER_TPU_IMAGE"),
    "autoencoder": Image(packages=["--package", "perennial-trainer"]),
    "serving": Image(packages=["--package", "perennial-serving"], setting="PERENNIAL_SERVING_IMAGE"),
    "beam": Image(packages=["--package", "perennial-preprocessing"]),
    "airflow": Image(packages=_AIRFLOW),
    "airflow-kubernetes": Image(packages=_AIRFLOW),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choice of what is pushed.

    Attributes:
        images: names of `IMAGES`; none for packages and DAGs alone.
        registry: `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY`; the deployment's if not said.
        with_changes: a working tree that differs from its commit is pushed, too, as `COMMIT-dirty`.
        dry_run: only say what is missing.
    """

    images: Sequence[str] = tuple(IMAGES)
    registry: str = ""
    with_changes: bool = False
    dry_run: bool = False


@dataclass
class Push:
    """Push of the checkout into the deployment that the environment describes.

    Attributes:
        options: of the command.
        environment: variables.
        console: shows the progress.
    """

    options: Options
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def run(self) -> dict[str, str]:
        """Bring what is missing and return the settings that name it, and what was brought before.

        Raises:
            StackError: the working tree differs from its commit, the deployment lacks its bucket or
                registry, there is no container engine, or a service refused a request.
        """
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        unknown = sorted(set(self.options.images) - IMAGES.keys())
        if unknown:
            raise StackError(f"--image: expected some of {', '.join(IMAGES)}, received {', '.join(unknown)}")
        try:
            self._check()
            with tempfile.TemporaryDirectory() as scratch:
                tree = self._tree(Path(scratch))
                images = {name: self._bring_image(name, tree) for name in self.options.images}
                if uri := images.get("beam"):
                    self._say(f'for [dataflow] of the infrastructure file: container_image = "{uri}"')
                found = self._client.list_blobs(self._bucket, prefix=self._folder)
                there = {blob.name.removeprefix(self._folder): blob for blob in found}
                settings = self._settings(images, there.get("push.env"))
                self._upload(self._files(tree, Path(scratch), settings), there)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            raise StackError(f"push: {error}") from error
        return settings

    @functools.cached_property
    def version(self) -> str:
        """Twelve digits of the commit, with `-dirty` where the working tree differs from it."""
        commit = _git("rev-parse", "--short=12", "HEAD")
        if not _git("status", "--porcelain", "--untracked-files=normal"):
            return commit
        if not self.options.with_changes:
            expected = "expected none of `git status`, or --dirty"
            raise StackError(f"the working tree differs from its commit: {expected}")
        return f"{commit}-dirty"

    @property
    def _bucket(self) -> str:
        return self._setting("PERENNIAL_BUCKET")

    @property
    def _folder(self) -> str:
        return f"packages/{self.version}/"

    @property
    def _registry(self) -> str:
        region, project = self._setting("PERENNIAL_REGION"), self._setting("PERENNIAL_PROJECT")
        return self.options.registry.rstrip("/") or f"{region}-docker.pkg.dev/{project}/perennial"

    @property
    def _is_dirty(self) -> bool:
        return self.version.endswith("-dirty")

    def _setting(self, name: str) -> str:
        value = self.environment.get(name, "")
        if not value:
            raise StackError(f"{name}: expected it in the environment (docs/cloud.md), received nothing")
        return value

    def _tree(self, scratch: Path) -> Path:
        """Return the folder that all is made from: the commit's files alone, or the checkout with changes."""
        if self._is_dirty:
            return CHECKOUT
        archive, tree = scratch / "commit.tar", scratch / "tree"
        _git("archive", "--format=tar", f"--output={archive}", self.version)
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        return tree

    def _settings(self, images: Mapping[str, str], before: Any) -> dict[str, str]:
        """Return the settings of images brought now, and of those in the file of a push before, if any.

        The tag is among them only where all images have it.
        """
        lines = before.download_as_text().splitlines() if before else []
        found = dict(line.split("=", 1) for line in lines)
        kept = {name: found[name] for name in _named(dict.fromkeys(IMAGES, "")) if name in found}
        is_whole = _TAG in found
        if images:
            is_whole &= all(uri.startswith(f"{self._registry}/") for uri in kept.values())
            is_whole = is_whole or all(map(self._pushed_digest, IMAGES.keys() - images.keys()))
        if is_whole:
            kept[_TAG] = self.version
        return {**kept, **_named(images), "PERENNIAL_PACKAGES": f"gs://{self._bucket}/{self._folder}"}

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def _check(self) -> None:
        """Refuse to begin where something lacks that comes before; `preflight` knows what, and its cure."""
        self._say(f"pushing {self.version} to {self._setting('PERENNIAL_PROJECT')}")
        asked = ["--only", "bucket", *(["--only", "registry"] if self.options.images else [])]
        command = module_runner.command("retraining.preflight", ["--json", *asked])
        variables = {
            "PERENNIAL_PACKAGES": f"gs://{self._bucket}/{self._folder}",
            _TAG: self.version,
            **_named({name: f"{self._registry}/{name}:{self.version}" for name in IMAGES}),
        }
        answer = subprocess.run(
            command, env={**self.environment, **variables}, capture_output=True, text=True, check=False
        )
        try:
            findings = json.loads(answer.stdout)
        except json.JSONDecodeError as error:
            why = f"preflight ended with status {answer.returncode}: {answer.stderr.strip()}"
            raise StackError(why) from error
        lacks = [one for one in findings if one["state"] == "missing"]
        if lacks:
            sentences = (f"{one['subject']}: {one['reason']}\n  {one['command']}" for one in lacks)
            raise StackError("\n".join(["nothing was pushed; first:", *sentences]))
        if self.options.images and not self.options.dry_run:
            _ = self._engine

    @functools.cached_property
    def _engine(self) -> str:
        """Container engine that answers."""
        for name in ("docker", "podman"):
            asked = shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False)
            if asked and not asked.returncode:
                return name
        raise StackError("expected docker or podman that runs, or --no-images, received neither")

    @functools.cached_property
    def _credentials(self) -> Any:
        """Application default credentials: those of whoever pushes, not of Airflow's account."""
        import google.auth

        return google.auth.default(scopes=_SCOPES)[0]

    @functools.cached_property
    def _client(self) -> Any:
        from google.cloud import storage

        return storage.Client(self._setting("PERENNIAL_PROJECT"), credentials=self._credentials)

    def _bring_image(self, name: str, tree: Path) -> str:
        """Build and push an image unless its tag is there; return its URI by digest."""
        uri = f"{self._registry}/{name}:{self.version}"
        digest = None if self._is_dirty else self._pushed_digest(name)
        if digest:
            self._say(f"{uri} is there")
        elif self.options.dry_run:
            self._say(f"{uri} would be built and pushed")
            return uri
        else:
            self._say(f"building {uri}")
            self._run_engine("build", "--platform", _PLATFORM, "--target", name, "--tag", uri, str(tree))
            self._say(f"pushing {uri}")
            digest = self._push_image(uri)
        return f"{self._registry}/{name}@{digest}"

    def _push_image(self, uri: str) -> str:
        """Push an image and return its digest in the registry."""
        repository = uri.rpartition(":")[0]
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "digest"
            if self._engine == "podman":  # its own record can have another digest, of other compression
                self._run_engine("push", "--digestfile", str(file), uri)
                found = [f"{repository}@{file.read_text().strip()}"]
            else:
                self._run_engine("push", uri)
                inspect = [self._engine, "image", "inspect", "--format", "{{json .RepoDigests}}", uri]
                found = json.loads(module_runner.captured(inspect, CHECKOUT))
        for one in found:
            if re.fullmatch(re.escape(repository) + r"@sha256:[0-9a-f]{64}", one):
                return str(one.rpartition("@")[2])
        raise StackError(f"{uri}: expected a digest from {self._engine} after the push, received {found}")

    def _run_engine(self, *arguments: str) -> None:
        # Its progress belongs beside ours: the standard output is for settings.
        completed = subprocess.run([self._engine, *arguments], stdout=2, check=False)
        if completed.returncode:
            raise StackError(f"{self._engine} {arguments[0]} ended with status {completed.returncode}")

    def _pushed_digest(self, name: str) -> str | None:
        """Return the digest of the tag in Artifact Registry; None if it isn't there, or in another registry.

        https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.tags/get
        """
        from google.auth.transport.requests import AuthorizedSession

        place = re.fullmatch(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)", self._registry)
        if place is None:
            return None
        location, project, repository = place.groups()
        parent = f"v1/projects/{project}/locations/{location}/repositories/{repository}"
        path = f"{parent}/packages/{name}/tags/{self.version}"
        with AuthorizedSession(self._credentials) as session:
            answer = session.get(self.environment.get(_OVERRIDE, _REGISTRY) + path, timeout=60)
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise StackError(f"{self._registry}/{name}: expected an answer, received {answer.status_code}")
        return str(answer.json()["version"].rpartition("/")[2])

    def _files(self, tree: Path, scratch: Path, settings: Mapping[str, str]) -> _Files:
        """Yield names, files, and whether they are the deployment's own: these may change."""
        import uv

        program = uv.find_uv_bin()
        for kind, folder, packages in (("sdist", "", _SDISTS), ("wheel", "wheels/", _WHEELS)):
            made = scratch / kind
            command = [program, "build", "--quiet", "--python", sys.executable, f"--{kind}"]
            for package in packages:
                module_runner.captured([*command, "--package", package, "--out-dir", str(made)], tree)
            yield from ((folder + file.name, file, False) for file in sorted(made.glob("perennial_*")))
        for name in self.options.images:
            yield f"sbom/{name}.cdx.json", self._sbom(program, name, tree, scratch), False
        yield "airflow/plugins/retraining_plugin.py", tree / "plugins" / "retraining_plugin.py", False
        for file in sorted((tree / "dags").glob("*.py")):
            yield f"airflow/dags/{file.name}", file, False
        for own, variable in _OWN_FILES.items():
            if named := self.environment.get(variable):
                yield f"airflow/{own}", Path(named), True
        lines = scratch / "push.env"
        lines.write_text(as_lines(settings))
        yield lines.name, lines, True

    def _sbom(self, program: str, name: str, tree: Path, scratch: Path) -> Path:
        """Write an image's Python packages as CycloneDX, the same for the same lock.

        https://docs.astral.sh/uv/concepts/projects/export/#cyclonedx-sbom-format
        """
        command = [program, "export", "--quiet", "--python", sys.executable, "--frozen", "--no-dev"]
        command += ["--format", "cyclonedx1.5", *IMAGES[name].packages]
        document = json.loads(module_runner.captured(command, tree))
        document["metadata"]["component"]["name"] = name
        commit = self.version.removesuffix("-dirty")
        committed = int(_git("show", "--no-patch", "--format=%ct", commit))
        document["metadata"]["timestamp"] = datetime.fromtimestamp(committed, UTC).isoformat()
        del document["serialNumber"]
        content = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, content).urn
        file = scratch / f"{name}.cdx.json"
        file.write_text(json.dumps(document, indent=2))
        return file

    def _upload(self, files: _Files, there: Mapping[str, Any]) -> None:
        """Upload the files that are not there yet; where files may change, delete those that are no more.

        Raises:
            StackError: another file of the commit is there under a name of ours.
        """
        uploaded = skipped = 0
        # A bill of materials is that of its image, which can be of a push before.
        stale = {name for name in there if self._is_dirty and not name.startswith("sbom/")}
        for name, file, may_change in files:
            found = there.get(name)
            stale.discard(name)
            if found is not None and found.crc32c == _crc32c(file):
                skipped += 1
                continue
            uri = f"gs://{self._bucket}/{self._folder}{name}"
            if found is not None and not (may_change or self._is_dirty):
                raise StackError(f"{uri}: expected what commit {self.version} has, received something else")
            if self.options.dry_run:
                self._say(f"{uri} would be uploaded")
            else:
                self._say(f"uploading {uri}")
                blob = self._client.bucket(self._bucket).blob(self._folder + name)
                blob.upload_from_filename(file, if_generation_match=found.generation if found else 0)
            uploaded += 1
        for name in sorted(stale):
            uri = f"gs://{self._bucket}/{self._folder}{name}"
            self._say(f"{uri} would be deleted" if self.options.dry_run else f"deleting {uri}")
            if not self.options.dry_run:
                there[name].delete(if_generation_match=there[name].generation)
        self._say(f"{uploaded} files {'to upload' if self.options.dry_run else 'uploaded'}, {skipped} there")


def as_lines(settings: Mapping[str, str]) -> str:
    """Return settings as lines of an environment file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _crc32c(file: Path) -> str:
    import google_crc32c

    value: int = google_crc32c.value(file.read_bytes())
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def _named(images: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that name images, of their URIs."""
    return {IMAGES[name].setting: uri for name, uri in images.items() if IMAGES[name].setting}


def _git(*arguments: str) -> str:
    return module_runner.captured(["git", *arguments], CHECKOUT).strip()
