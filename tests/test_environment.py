"""One truth about versions: pyproject.toml, requirements.lock, environment.yml and what is installed say the same."""

import tomllib
from importlib import metadata

import pytest
import write_lock
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture
def lock(root):
    return write_lock.read_lock((root / "requirements.lock").read_text(encoding="utf-8"))


def test_every_pin_is_exact_and_is_the_locked_version(root, lock):
    direct = write_lock.direct_requirements(root)
    assert len(direct) > 20
    for requirement in direct:
        assert str(requirement.specifier) == f"=={lock[canonicalize_name(requirement.name)][1]}"


def test_the_lock_holds_all_that_is_needed_on_every_system_and_python(root, lock):
    for (system, python), values in write_lock.environments().items():
        needed = write_lock.closure(values, write_lock.direct_requirements(root)).keys()
        locked = {name for name, (_, _, marker) in lock.items() if not marker or Marker(marker).evaluate(values)}
        assert locked == needed, f"{system}, Python {python}: run tools/write_lock.py"


def test_the_closure_follows_extras_and_markers():
    mac, windows = (write_lock.environments()[system, "3.12"] for system in ("darwin", "win32"))
    ipykernel = [Requirement("ipykernel")]
    assert "appnope" in write_lock.closure(mac, ipykernel)
    assert "appnope" not in write_lock.closure(windows, ipykernel)
    plain, with_extra = Requirement("jsonschema"), Requirement("jsonschema[format-nongpl]")
    assert "webcolors" not in write_lock.closure(mac, [plain])
    assert "webcolors" in write_lock.closure(mac, [plain, with_extra])


def test_the_installed_versions_are_the_locked_ones(lock):
    here = {name: version for name, (_, version, marker) in lock.items() if not marker or Marker(marker).evaluate()}
    assert {name: metadata.version(name).split("+")[0] for name in here} == here


def test_the_lock_is_as_the_tool_writes_it(root):
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    assert write_lock.lock_text(present=text) == text


def test_every_locked_line_is_exact_and_plain(root):
    for line in (root / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            [specifier] = Requirement(line).specifier
            assert specifier.operator == "==" and "+" not in specifier.version


def test_no_gpu_package_is_locked(lock):
    assert [name for name in lock if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_conda_takes_the_lock_and_the_course(root):
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == [
        "python=3.11",
        "pip",
        {
            "pip": [
                "--extra-index-url https://download.pytorch.org/whl/cpu",
                "-r requirements.lock",
                "-e .",
            ]
        },
    ]


def test_both_packages_are_declared_and_the_build_needs_only_what_is_locked(root, lock):
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["requires-python"] == ">=3.11,<3.14"
    assert pyproject["build-system"]["requires"] == [f"setuptools=={lock['setuptools'][1]}"]
    assert {name for name in ("embedlab", "autograder") if (root / name / "__init__.py").exists()} == {
        "embedlab",
        "autograder",
    }


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (lambda system, python: True, ""),
        (lambda system, python: system == "darwin", 'sys_platform == "darwin"'),
        (lambda system, python: system != "win32", 'sys_platform != "win32"'),
        (lambda system, python: python == "3.11", 'python_version < "3.12"'),
    ],
)
def test_marker(where, expected):
    assert write_lock.marker("x", {key for key in write_lock.environments() if where(*key)}) == expected


def test_a_need_that_no_marker_describes_is_refused():
    with pytest.raises(SystemExit, match="No marker"):
        write_lock.marker("x", {("darwin", "3.12")})


def test_a_version_that_refuses_debians_python_is_refused(monkeypatch):
    monkeypatch.setattr(write_lock.metadata, "metadata", lambda name: {"Requires-Python": ">=3.11.5", "Version": "4.1"})
    with pytest.raises(SystemExit, match="soupsieve 4.1 needs Python >=3.11.5: install an older version"):
        write_lock.supports_oldest_patch("soupsieve")
