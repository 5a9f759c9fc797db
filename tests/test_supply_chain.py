"""What is built: the same bytes from the same commit, with what it is made of, and nothing of the machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("claims", "providers", "broker", "migrations", ".ci", "pyproject.toml", "README.md", "requirements.txt")
SOME_DAY = "2026-11-22T12:00:00+0000"
SBOM = "vestibule-0.1.0.dist-info/sboms/vestibule.cdx.json"


def run(folder: Path, *command: str, **environment: str) -> str:
    # A copy of the sources is no part of what is measured.
    measured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env={**measured, **quiet, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def clone(folder: Path) -> str:
    """Put what a wheel is built of into a repository of its own, and return the commit, the same for every folder."""
    for each in PARTS:
        source = ROOT / each
        if source.is_dir():
            shutil.copytree(source, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / each)
    (folder / ".gitignore").write_text("/build/\n/dist/\n__pycache__/\n")
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    who = ("-c", "user.name=Builder", "-c", "user.email=builder@example.org")
    dates = {"GIT_AUTHOR_DATE": SOME_DAY, "GIT_COMMITTER_DATE": SOME_DAY}
    run(folder, "git", *who, "commit", "--quiet", "--message=All", **dates)
    return run(folder, "git", "rev-parse", "HEAD")


def build(folder: Path, target: str = "wheel", epoch: str = "1795348800") -> Path:
    run(folder, sys.executable, ".ci/sbom.py", "build/vestibule.cdx.json")
    run(folder, sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "dist", SOURCE_DATE_EPOCH=epoch)
    return next((folder / "dist").glob("*.whl" if target == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A wheel, and the commit that it is of."""
    folder = tmp_path_factory.mktemp("one") / "clone"
    commit = clone(folder)
    return build(folder), commit


def test_two_builds_of_one_commit_in_two_folders_are_the_same_bytes(built: tuple[Path, str], tmp_path: Path) -> None:
    wheel, commit = built
    other = tmp_path / "somewhere" / "else"
    assert clone(other) == commit
    for each in other.rglob("*.py"):
        os.utime(each, (1, 1))
    assert build(other).read_bytes() == wheel.read_bytes()


def test_a_wheel_of_a_source_distribution_is_the_same_wheel(built: tuple[Path, str], tmp_path: Path) -> None:
    wheel, _ = built
    folder = wheel.parents[1]
    source = build(folder, "sdist")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - made here
    unpacked = next(tmp_path.glob("vestibule-*"))
    assert not (unpacked / ".git").exists()
    run(
        unpacked,
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        "dist",
        SOURCE_DATE_EPOCH="1795348800",
    )
    again = next((unpacked / "dist").glob("*.whl"))
    assert again.read_bytes() == wheel.read_bytes()


def test_a_wheel_has_all_that_runs_and_nothing_of_the_machine(built: tuple[Path, str]) -> None:
    wheel, commit = built
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        contents = {name: archive.read(name) for name in names}
    for root in ("broker", "claims", "providers", "migrations"):
        for path in (clone_of := wheel.parents[1]).joinpath(root).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(clone_of).as_posix() in names
    assert contents["broker/commit.txt"].decode().strip() == commit
    assert not [name for name in names if name.endswith(".pyc") or name.startswith((".ci", "tests", "config"))]
    here = [str(wheel.parents[2]), str(ROOT), str(Path.home()), sys.prefix]
    places = [place.encode() for place in here if len(Path(place).parts) > 2]
    for name, content in contents.items():
        assert not [place for place in places if place in content], name


def test_the_sbom_lists_every_pin_and_no_address_time_or_serial_number(built: tuple[Path, str]) -> None:
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(SBOM).decode()
    bom = json.loads(text)
    pins = (ROOT / "requirements.txt").read_text()
    pinned = {(name.lower(), version) for name, version in re.findall(r"^([\w.\[\]-]+)==([\w.]+)", pins, re.MULTILINE)}
    listed = {(each["name"], each["version"]) for each in bom["components"]}
    assert listed == {(name.partition("[")[0], version) for name, version in pinned}
    digests = {each["content"] for one in bom["components"] for each in one["externalReferences"][0]["hashes"]}
    assert digests == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", pins))
    assert bom["bomFormat"] == "CycloneDX"
    assert "serialNumber" not in bom
    assert "timestamp" not in text
    assert not re.findall(r"https?://(?!cyclonedx\.org)[^\"]*", text)


def test_an_sbom_of_other_pins_builds_nothing(built: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    clone(folder)
    run(folder, sys.executable, ".ci/sbom.py", "build/vestibule.cdx.json")
    with (folder / "requirements.txt").open("a") as pins:
        pins.write("# one more line\n")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make sbom" in done.stderr


def test_an_installed_wheel_says_its_release_and_commit(built: tuple[Path, str], tmp_path: Path) -> None:
    wheel, commit = built
    place = tmp_path / "installed"
    # What pip does with a wheel of pure Python; its dependencies are those of this environment.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)  # noqa: S202 - made here
    said = run(tmp_path, sys.executable, "-m", "broker.cli", "--version", PYTHONPATH=str(place))
    assert said == f"vestibule 0.1.0 (commit {commit})"
    (place / "broker" / "commit.txt").write_text(f"{commit} dirty\n")
    said = run(tmp_path, sys.executable, "-m", "broker.cli", "--version", PYTHONPATH=str(place))
    assert said == f"vestibule 0.1.0 (commit {commit}, with changes after it)"
    for template in ("broker/web/templates/layout.html", "broker/web/static", "migrations/schema/versions"):
        assert (place / template).exists()


def test_pip_installs_the_wheel_into_a_fresh_environment_where_the_command_says_its_commit(
    built: tuple[Path, str], tmp_path: Path
) -> None:
    wheel, commit = built
    place = tmp_path / "fresh"
    run(tmp_path, sys.executable, "-m", "venv", "--without-pip", str(place))
    python, site = place / "bin" / "python", sysconfig.get_path("purelib")
    # Its dependencies are those of this environment, whose own copy of the broker comes after the wheel's.
    found = run(tmp_path, str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(found) / "dependencies.pth").write_text(f"{site}\n")
    pip = (sys.executable, "-m", "pip", f"--python={python}", "--isolated", "--disable-pip-version-check")
    run(tmp_path, *pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel))
    said = run(tmp_path, str(place / "bin" / "vestibule"), "--version")
    assert said == f"vestibule 0.1.0 (commit {commit})"
    where = run(tmp_path, str(python), "-c", "import broker; print(broker.__file__)")
    assert Path(where).is_relative_to(place)
    helped = run(tmp_path, str(place / "bin" / "vestibule"), "--help")
    assert "serve" in helped


def test_a_clone_is_asked_and_says_when_it_was_changed(built: tuple[Path, str]) -> None:
    wheel, commit = built
    folder = wheel.parents[1]
    asked = "from broker.version import version; each = version(); print(each.commit, each.dirty)"
    assert run(folder, sys.executable, "-c", asked, PYTHONPATH=str(folder)) == f"{commit} False"
    (folder / "README.md").write_text("Changed.\n")
    assert run(folder, sys.executable, "-c", asked, PYTHONPATH=str(folder)) == f"{commit} True"
    shutil.move(folder / ".git", folder.parent / "moved")
    assert run(folder, sys.executable, "-c", asked, PYTHONPATH=str(folder)) == "unknown False"
    assert run(folder, sys.executable, "-c", asked, PYTHONPATH=str(folder), PATH="") == "unknown False"
    shutil.move(folder.parent / "moved", folder / ".git")
    assert run(folder, sys.executable, "-c", asked, PYTHONPATH=str(folder), PATH="") == "unknown False"


def test_every_pin_has_its_digests() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^[\w.\[\]-]+==[^\n]*((?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)*)", text, re.MULTILINE)
        assert pinned
        assert all(pinned), name
