"""The examples in config/ are what this version, and what they are written for, understand."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import trustme
import yaml  # type: ignore[import-untyped]  # it ships no types, and comes with schemathesis

from broker.cli import main
from broker.settings import Settings
from tests.docs.guide import ROOT
from tests.docs.test_guides import keys
from tests.world import World

CONFIG = ROOT / "config"
UNITS = sorted((CONFIG / "systemd").glob("*.service"))
GRACE = 5 + 30  # listen.drain, and what is under way


def understood(words: list[str]) -> click.Command:
    """Return the command that these words, which follow ``vestibule``, lead to, with all their options."""
    command: click.Command = main
    words = [word for word in words if word]
    while isinstance(command, click.Group):
        if words[0] == "--config":
            words = words[2:]
            continue
        command, words = command.commands[words[0]], words[1:]
    command.make_context("", words, resilient_parsing=False)
    return command


def manifests(kind: str) -> list[Mapping[str, Any]]:
    documents = yaml.safe_load_all((CONFIG / "kubernetes.yaml").read_text())
    return [each for each in documents if each["kind"] == kind]


def containers() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each pod of the manifest and its container."""
    for each in (*manifests("Deployment"), *manifests("Job")):
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield pod, container


def known(variable: str) -> bool:
    key = variable.removeprefix("VESTIBULE__").replace("__", ".").lower()
    return variable == "VESTIBULE_CONFIG" or key in set(keys(Settings))


def test_every_container_runs_a_command_that_there_is_with_settings_that_there_are() -> None:
    names = [understood(container["args"]).name for _, container in containers()]
    assert names == ["serve", "worker", "upgrade"]
    for _, container in containers():
        for variable in container["env"]:
            assert known(variable["name"]), variable


def test_no_container_may_be_root_write_or_talk_to_the_cluster_and_secrets_are_files() -> None:
    for pod, container in containers():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("valueFrom" in each for each in container["env"])
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == "configuration"]
        assert mount["readOnly"] is True
        (volume,) = [each for each in pod["volumes"] if each["name"] == "configuration"]
        assert volume["secret"]["defaultMode"] == 0o440


def test_probes_ask_what_is_answered_and_a_pod_has_the_time_to_end(world: World) -> None:
    (pod, serve), *_ = containers()
    (port,) = serve["ports"]
    assert port["containerPort"] == Settings.model_fields["listen"].default.port
    client = world.app.test_client()
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = serve[probe]["httpGet"]
        assert asked["port"] == port["name"]
        # It is asked by the address of the pod.
        assert client.get(asked["path"], headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert (serve["livenessProbe"]["httpGet"]["path"], serve["readinessProbe"]["httpGet"]["path"]) == (
        "/livez",
        "/readyz",
    )
    drain = int(next(each["value"] for each in serve["env"] if each["name"] == "VESTIBULE__LISTEN__DRAIN"))
    told = serve["readinessProbe"]["periodSeconds"] * serve["readinessProbe"]["failureThreshold"]
    assert drain >= told
    assert pod["terminationGracePeriodSeconds"] > drain + 30


def test_the_manifest_selects_what_it_makes_and_leaves_one_that_serves() -> None:
    serving, working = manifests("Deployment")
    labels = serving["spec"]["template"]["metadata"]["labels"]
    (service,), (budget,) = manifests("Service"), manifests("PodDisruptionBudget")
    for selector in (
        serving["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
        assert not selector.items() <= working["spec"]["template"]["metadata"]["labels"].items()
    assert serving["spec"]["replicas"] == 2 > budget["spec"]["minAvailable"] >= 1
    assert service["spec"]["sessionAffinity"] == "None"
    assert service["spec"]["ports"][0]["targetPort"] == "http"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_a_command_that_there_is_and_have_the_time_to_end(path: Path) -> None:
    unit = dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
    program, *words = shlex.split(unit["ExecStart"])
    assert Path(program).name == "vestibule"
    assert understood(words).name == ("worker" if "worker" in path.name else "serve")
    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) > GRACE
    for key in ("NoNewPrivileges", "PrivateDevices", "ProtectHome", "RestrictNamespaces", "DynamicUser"):
        assert unit[key] == "yes"


def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        # Where there is no systemd, every line is at least one of a unit.
        for path in UNITS:
            lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
            assert all(re.fullmatch(r"\[(Unit|Service|Install)\]|[A-Z]\w+=.*", line) for line in lines)
        return
    for path in UNITS:
        here = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(here)
        done = subprocess.run(
            [program, "verify", "--man=no", str(tmp_path / path.name)], capture_output=True, text=True, check=False
        )
        assert path.stem not in done.stderr, done.stderr


def directives(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the rest of every simple directive."""
    text = re.sub(r"#.*", "", text)
    for statement in re.findall(r"([a-z_]+)\s+([^;{}]*);", text):
        yield statement[0], " ".join(statement[1].split())


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    text = (CONFIG / "nginx.conf").read_text()
    assert text.count("{") == text.count("}")
    program = shutil.which("nginx")
    if program is None:
        return
    certificate = trustme.CA().issue_cert("login.example.org")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    here = text.replace("/etc/vestibule/tls", str(tmp_path)).replace("/run/nginx.pid", str(tmp_path / "pid"))
    (tmp_path / "nginx.conf").write_text(here)
    done = subprocess.run(
        [program, "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_the_proxy_reaches_those_who_believe_it_and_only_prometheus_the_numbers() -> None:
    (policy,) = [each["spec"] for each in manifests("NetworkPolicy") if each["metadata"]["name"] == "vestibule"]
    assert policy["policyTypes"] == ["Ingress"]
    (serving, _) = manifests("Deployment")
    named = {each["containerPort"] for each in serving["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert policy["podSelector"]["matchLabels"].items() <= serving["spec"]["template"]["metadata"]["labels"].items()
    rules = {port["port"]: rule["from"] for rule in policy["ingress"] for port in rule["ports"]}
    assert named <= set(rules)
    for who in rules.values():
        assert all("namespaceSelector" in each for each in who)


def test_nginx_believes_no_client_and_hands_on_whole_requests() -> None:
    said = list(directives((CONFIG / "nginx.conf").read_text()))
    headers = dict(value.split(" ", 1) for name, value in said if name == "proxy_set_header")
    assert headers == {
        "Connection": '""',
        "Host": "$host",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$host",
        "X-Forwarded-Port": '""',
        "X-Forwarded-Prefix": '""',
        "Forwarded": '""',
    }
    assert ("proxy_request_buffering", "on") in said
    assert ("access_log", "off") in said
    assert ("client_max_body_size", "64k") in said
    assert ("underscores_in_headers", "off") in said
    assert ("ignore_invalid_headers", "on") in said


def test_the_image_names_no_index_and_no_secret_and_is_not_root() -> None:
    text = (CONFIG / "Containerfile").read_text()
    assert not re.search(r"index-url|extra-index|https?://|password|token", text, re.IGNORECASE)
    assert "--require-hashes" in text
    lines = text.replace("\\\n", " ").splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001:10001"]
    copied = [each for line in lines if line.startswith("COPY ") for each in line.split()[1:-1] if "--" not in each]
    assert set(copied) & {".", "config", ".git"} == set()
    variables = dict(each.split("=", 1) for line in lines if line.startswith("ENV ") for each in line.split()[1:])
    assert all(known(name) for name in variables if name.startswith("VESTIBULE"))
    entry, command = (re.findall(rf'^{word} \["(\w+)"\]$', text, re.MULTILINE) for word in ("ENTRYPOINT", "CMD"))
    assert entry == ["vestibule"]
    assert understood(command).name == "serve"
    for earlier, later in pairwise(
        [line for line in lines if line.startswith("COPY broker") or "require-hashes" in line]
    ):
        assert "require-hashes" in earlier, later  # what changes with every commit comes last
