"""What docker-compose.yml and deploy/Dockerfile promise, read from the files themselves.

No container is started: a machine without a Docker engine can run all of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import cpu_target
from schemas.errors import ConfigError
from stream.app import engine_of
from stream.config.configuration import Config, load

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker-compose.yml"
WORKERS = ROOT / "deploy" / "compose.workers.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
CONFIG = ROOT / "deploy" / "fraudstream.toml"
IGNORE = ROOT / ".dockerignore"

SERVICES = {"kafka", "topics-init", "registry", "state", "engine", "simulator"}
SERVICES |= {"prometheus", "grafana"}
OURS = {"topics-init", "engine", "simulator"}
ONE_SHOT = {"topics-init"}
CONFIG_IN_CONTAINER = "/etc/fraudstream/fraudstream.toml"
UID = "10001"

Service = dict[str, Any]


def seconds(text: str) -> float:
    """Return a Compose duration such as 1m30s in seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    assert parts, f"no duration: {text!r}"
    assert "".join(number + unit for number, unit in parts) == text, f"no duration: {text!r}"
    scale = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(number) * scale[unit] for number, unit in parts)


def mebibytes(text: str) -> int:
    """Return a Compose size such as 512m in MiB."""
    found = re.fullmatch(r"(\d+)([mg])", text)
    assert found, f"write the size in m or g: {text!r}"
    return int(found[1]) * (1024 if found[2] == "g" else 1)


def tag(image: str) -> str:
    """Return what follows the colon in an image's last path part; empty when nothing does."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].partition(":")[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    found = compose["services"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each as its word and the rest of it."""
    lines = [
        line
        for line in DOCKERFILE.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in whole]


def last_stage(instructions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    start = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[start:]


def only(instructions: list[tuple[str, str]], word: str) -> str:
    found = [rest for name, rest in last_stage(instructions) if name == word]
    assert len(found) == 1, f"{word} stands {len(found)} times in the last stage"
    return found[0]


# docker-compose.yml


def test_the_services_are_these(services: dict[str, Service]) -> None:
    assert set(services) == SERVICES


def test_a_reader_is_told_that_it_was_not_run() -> None:
    head = COMPOSE.read_text(encoding="utf-8").split("\nservices:")[0]
    assert "NOT RUN WHERE IT WAS WRITTEN" in head


def test_no_version_key(compose: dict[str, Any]) -> None:
    assert "version" not in compose


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_has_a_release_tag(services: dict[str, Service], name: str) -> None:
    assert re.match(r"v?\d+\.\d+\.\d+\b", tag(services[name]["image"])), services[name]["image"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_fixed_container_name(services: dict[str, Service], name: str) -> None:
    assert "container_name" not in services[name]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_published_ports_are_for_this_machine_only(services: dict[str, Service], name: str) -> None:
    assert services[name].get("network_mode") is None
    for port in services[name].get("ports", []):
        assert isinstance(port, str)
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_memory_and_processes_are_limited(services: dict[str, Service], name: str) -> None:
    assert 64 <= mebibytes(services[name]["mem_limit"]) <= 4096
    assert 0 < services[name]["pids_limit"] <= 1024


@pytest.mark.parametrize("name", sorted(SERVICES - ONE_SHOT))
def test_what_runs_for_ever_comes_back(services: dict[str, Service], name: str) -> None:
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["kafka", "registry", "state", "prometheus", "grafana"])
def test_a_foreign_service_has_a_healthcheck(services: dict[str, Service], name: str) -> None:
    check = services[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert seconds(check["timeout"]) <= seconds(check["interval"])
    assert check["retries"] >= 3


def test_the_engine_keeps_the_healthcheck_of_its_image(services: dict[str, Service]) -> None:
    assert "healthcheck" not in services["engine"]


@pytest.mark.parametrize("name", ["topics-init", "simulator"])
def test_the_engines_healthcheck_is_not_asked_of_others(
    services: dict[str, Service], name: str
) -> None:
    assert services[name]["healthcheck"] == {"disable": True}


def test_the_engine_waits_for_all_it_needs(services: dict[str, Service]) -> None:
    assert services["engine"]["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "registry": {"condition": "service_healthy"},
        "state": {"condition": "service_started"},
        "topics-init": {"condition": "service_completed_successfully"},
    }


def test_topics_are_made_once_and_by_our_own_command(services: dict[str, Service]) -> None:
    service = services["topics-init"]
    assert service["command"] == ["topics", "create", "--config", CONFIG_IN_CONTAINER]
    assert service["restart"] == "no"
    assert service["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_up_wait_counts_a_finished_one_shot_as_well(services: dict[str, Service]) -> None:
    # `docker compose up --wait` fails on an exited container that no service without a
    # profile waits for by this condition.
    for name in ONE_SHOT:
        assert any(
            service.get("depends_on", {}).get(name, {}).get("condition")
            == "service_completed_successfully"
            for service in services.values()
            if "profiles" not in service
        )


def test_only_what_one_can_do_without_needs_a_profile(services: dict[str, Service]) -> None:
    assert {name: s["profiles"] for name, s in services.items() if "profiles" in s} == {
        "simulator": ["demo"],
        "prometheus": ["obs"],
        "grafana": ["obs"],
    }
    assert services["simulator"]["command"] == [
        *("simulate", "--to", "kafka", "--config", CONFIG_IN_CONTAINER, "--rate", "500")
    ]


def test_the_engine_runs_with_the_mounted_config(services: dict[str, Service]) -> None:
    assert services["engine"]["command"] == ["run", "--config", CONFIG_IN_CONTAINER]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_can_change_nothing_but_their_volumes(
    services: dict[str, Service], name: str
) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged", False)
    assert "user" not in service, "the image says who runs it"
    for mount in service["volumes"]:
        if mount.startswith((".", "/")):
            assert mount.endswith(":ro"), mount
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_are_built_from_the_dockerfile(
    services: dict[str, Service], name: str
) -> None:
    build = services[name]["build"]
    assert ROOT / build["context"] / build["dockerfile"] == DOCKERFILE
    assert f"./deploy/fraudstream.toml:{CONFIG_IN_CONTAINER}:ro" in services[name]["volumes"]


def test_our_image_carries_the_version_of_the_project(
    services: dict[str, Service], instructions: list[tuple[str, str]]
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {tag(services[name]["image"]) for name in OURS} == {project["version"]}
    assert ("ARG", f"VERSION={project['version']}") in instructions


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_gains_privileges(services: dict[str, Service], name: str) -> None:
    assert "no-new-privileges:true" in services[name]["security_opt"]


def test_the_engine_has_time_to_stop(services: dict[str, Service]) -> None:
    deadline_s = load(CONFIG).worker.shutdown_deadline / 1e6
    assert seconds(services["engine"]["stop_grace_period"]) >= deadline_s + 10


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_stop_is_bounded(services: dict[str, Service], name: str) -> None:
    assert 0 < seconds(services[name]["stop_grace_period"]) <= 60


def test_data_lives_in_named_volumes(compose: dict[str, Any], services: dict[str, Service]) -> None:
    declared = set(compose["volumes"])
    used = {
        mount.split(":")[0]
        for service in services.values()
        for mount in service.get("volumes", [])
        if not mount.startswith((".", "/"))
    }
    assert used == declared
    for name, folder in {
        "kafka": "/var/lib/kafka/data",
        "state": "/data",
        "engine": "/var/lib/fraudstream",
        "prometheus": "/prometheus",
        "grafana": "/var/lib/grafana",
    }.items():
        targets = {mount.split(":")[1] for mount in services[name]["volumes"]}
        assert folder in targets, name


def test_the_broker_is_one_kraft_node_with_two_doors(services: dict[str, Service]) -> None:
    environment = services["kafka"]["environment"]
    assert environment["KAFKA_PROCESS_ROLES"].split(",") == ["broker", "controller"]
    doors = dict(door.split("://") for door in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert doors == {"INSIDE": "kafka:29092", "LOCALHOST": "localhost:9092"}
    listening = dict(door.split("://") for door in environment["KAFKA_LISTENERS"].split(","))
    assert listening == {"INSIDE": ":29092", "LOCALHOST": ":9092", "CONTROLLER": ":29093"}
    # The published port must be the one that the door advertises.
    assert services["kafka"]["ports"] == ["127.0.0.1:9092:9092"]


def test_the_broker_creates_no_topic_by_itself(services: dict[str, Service]) -> None:
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_one_broker_is_asked_for_one_copy(services: dict[str, Service]) -> None:
    environment = services["kafka"]["environment"]
    factors = {
        key: value
        for key, value in environment.items()
        if key.endswith(("REPLICATION_FACTOR", "MIN_ISR", "MIN_INSYNC_REPLICAS"))
    }
    assert {
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
        "KAFKA_DEFAULT_REPLICATION_FACTOR",
    } <= set(factors)
    assert set(factors.values()) == {"1"}


def test_the_broker_is_the_version_that_the_tests_start(services: dict[str, Service]) -> None:
    pom = ET.parse(ROOT / "tests" / "integration" / "kafka" / "pom.xml").getroot()
    version = pom.findtext("{*}properties/{*}kafka.version")
    assert services["kafka"]["image"] == f"apache/kafka:{version}"


def test_environment_values_are_strings(services: dict[str, Service]) -> None:
    # YAML would make a boolean of a bare false, and a number of a bare 1.
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            assert isinstance(value, str), f"{name}: {key}"


def test_the_config_speaks_to_the_services_by_their_names(
    services: dict[str, Service],
) -> None:
    config = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    assert config["kafka"]["bootstrap"] == "kafka:29092"
    assert config["kafka"]["allow_insecure"] is True
    assert config["registry"]["url"] == "http://registry:8081"
    assert config["redis"] == {"url": "redis://state:6379/0", "allow_insecure": True}
    assert "6379" not in str(services["state"].get("command")), "its own port is the default"
    assert services["registry"]["environment"]["KARAPACE_PORT"] == "8081"
    assert services["registry"]["environment"]["KARAPACE_BOOTSTRAP_URI"] == "kafka:29092"


def test_the_admin_port_is_for_containers_that_show_its_token(
    compose: dict[str, Any], services: dict[str, Service]
) -> None:
    environment = services["engine"]["environment"]
    ours = {name: value for name, value in environment.items() if name.startswith("FRAUD_ADMIN__")}
    asked = ours.pop("FRAUD_ADMIN__TOKEN")
    assert ours == {
        "FRAUD_ADMIN__HOST": "0.0.0.0",
        "FRAUD_ADMIN__PORT": "9464",
        "FRAUD_ADMIN__ALLOWED_HOSTS": '["engine"]',
    }
    # Others read the same file, and have no token.
    assert "admin" not in tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    assert "ports" not in services["engine"]
    assert re.fullmatch(r"\$\{FRAUD_ADMIN__TOKEN:\?[^}]+\}", asked)
    assert compose["secrets"] == {"admin_token": {"environment": "FRAUD_ADMIN__TOKEN"}}
    assert services["prometheus"]["secrets"] == ["admin_token"]
    # Compose cannot write such a secret into a container whose files are read-only.
    assert not services["prometheus"].get("read_only", False)
    assert "secrets" not in services["engine"]


def test_grafana_shows_and_changes_nothing(services: dict[str, Service]) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    for mount in services["grafana"]["volumes"]:
        assert mount.endswith(":ro") or mount.startswith("grafana-data:")


# deploy/compose.workers.yml


@pytest.fixture(scope="module")
def sharing() -> Service:
    """What workers that share partitions have otherwise than the one."""
    document = yaml.safe_load(WORKERS.read_text(encoding="utf-8"))
    assert set(document) == {"services"}
    assert set(document["services"]) == {"engine"}
    found: Service = document["services"]["engine"]
    return found


@pytest.fixture
def shared_config(
    services: dict[str, Service], sharing: Service, monkeypatch: pytest.MonkeyPatch
) -> Config:
    """The configuration of one of them: Compose lays its variables over those of the one."""
    for name in [name for name in os.environ if name.upper().startswith("FRAUD_")]:
        monkeypatch.delenv(name)
    secrets = {
        "FRAUD_SECURITY__HASH_KEY": "0123456789abcdef" * 2,
        "FRAUD_ADMIN__TOKEN": "0123456789abcdef" * 4,
    }
    for name, value in (services["engine"]["environment"] | sharing["environment"]).items():
        monkeypatch.setenv(name, secrets.get(name, value))
    return load(CONFIG)


def test_two_workers_share_the_partitions(sharing: Service, shared_config: Config) -> None:
    assert sharing["scale"] == 2 <= shared_config.topics.partitions
    assert set(sharing) == {"scale", "environment"}
    assert shared_config.per_partition
    assert shared_config.worker.partial_features
    # For so long a group waits for a member that takes up partitions.
    assert shared_config.admin.stuck_after >= 300_000_000


def test_workers_that_share_remember_on_the_same_volume_and_beside_the_one(
    services: dict[str, Service], shared_config: Config
) -> None:
    alone = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["recovery"]["folder"]
    folder = Path(shared_config.recovery.folder)
    assert folder != Path(alone)
    assert not folder.is_relative_to(alone)
    (volume,) = [each for each in services["engine"]["volumes"] if each.startswith("engine-data:")]
    assert folder.is_relative_to(volume.split(":")[1])


def test_all_partitions_fit_into_the_memory_of_one_worker(
    services: dict[str, Service], shared_config: Config
) -> None:
    partitions = shared_config.topics.partitions
    engine = engine_of(shared_config, bytes(16), partitions=partitions)
    states = partitions * sum(array.nbytes for array in engine.arrays())
    # Once more while snapshots are written, and the process itself.
    assert 2 * states / 2**20 + 512 <= mebibytes(services["engine"]["mem_limit"])


def test_nothing_of_a_worker_stands_in_the_way_of_a_second(services: dict[str, Service]) -> None:
    assert not {"container_name", "hostname", "ports"} & services["engine"].keys()
    assert "FRAUD_KAFKA__CLIENT__GROUP__INSTANCE__ID" not in services["engine"]["environment"]
    assert "admin" not in tomllib.loads(CONFIG.read_text(encoding="utf-8"))


def test_a_reader_is_told_that_two_were_not_run_either() -> None:
    head = " ".join(WORKERS.read_text(encoding="utf-8").split("\nservices:")[0].split("\n# "))
    assert "NOT RUN WHERE IT WAS WRITTEN" in head


# deploy/Dockerfile


def test_the_image_is_built_in_two_stages(instructions: list[tuple[str, str]]) -> None:
    stages = [rest for word, rest in instructions if word == "FROM"]
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (base,) = [
        rest.partition("=")[2]
        for word, rest in instructions
        if word == "ARG" and rest.startswith("PYTHON_IMAGE=")
    ]
    assert re.fullmatch(r"python:3\.11\.\d+-slim(-\w+)?", base), base


def test_what_is_installed_was_locked_and_hashed(instructions: list[tuple[str, str]]) -> None:
    installs = [rest for word, rest in instructions if word == "RUN" and " install " in rest]
    pip = [line for line in installs if " pip " in line]
    assert len(pip) == 2
    assert "--require-hashes -r requirements.lock" in pip[0]
    assert "--no-deps" in pip[1]
    assert "--no-build-isolation" in pip[1]
    assert not [line for _, line in instructions if "apt-get" in line or "curl" in line]


def test_the_image_does_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    assert only(instructions, "USER") == f"{UID}:{UID}"
    words = [word for word, _ in last_stage(instructions)]
    assert "RUN" not in words[words.index("USER") :]


def test_the_image_stops_by_the_signal_that_drains(instructions: list[tuple[str, str]]) -> None:
    assert only(instructions, "STOPSIGNAL") == "SIGTERM"


def test_the_image_starts_the_command_without_a_shell(
    instructions: list[tuple[str, str]],
) -> None:
    # A shell as process 1 would keep the signal to itself.
    assert json.loads(only(instructions, "ENTRYPOINT")) == ["fraudstream"]


def test_the_image_is_asked_by_the_command_line(instructions: list[tuple[str, str]]) -> None:
    check = only(instructions, "HEALTHCHECK")
    options, _, command = check.partition("CMD ")
    assert json.loads(command) == [
        *("fraudstream", "doctor", "--json", "--config", CONFIG_IN_CONTAINER)
    ]
    found = dict(re.findall(r"--([a-z-]+)=(\S+)", options))
    assert set(found) == {"interval", "timeout", "start-period", "retries"}
    assert seconds(found["timeout"]) <= seconds(found["interval"])


def test_kernels_are_compiled_while_the_image_is_built(
    instructions: list[tuple[str, str]], services: dict[str, Service]
) -> None:
    environment = dict(re.findall(r"(\w+)=(\S*)", only(instructions, "ENV")))
    (compiling,) = [rest for word, rest in instructions if word == "RUN" and "warm-up" in rest]
    # They are found by where they lie and for which processor they are.
    given = dict(re.findall(r"(\w+)=(\S*)", compiling.split("/opt/", 1)[0]))
    for name in ("NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        assert given[name] == environment[name], name
    assert environment["NUMBA_CPU_NAME"] == "${CPU_TARGET}"
    # Not left out: Numba would add what the machine at hand can do.
    assert environment["NUMBA_CPU_FEATURES"] == ""
    # None is there while an image is built.
    assert given["FRAUD_REGISTRY__URL"] == ""
    folder = Path(environment["NUMBA_CACHE_DIR"])
    assert f"chmod -R a=rX {folder.parent}" in compiling
    copied = [rest.split() for word, rest in last_stage(instructions) if word == "COPY"]
    assert ["--from=build", str(folder.parent), str(folder.parent)] in copied
    for name in OURS:
        targets = [mount.split(":")[1] for mount in services[name]["volumes"]]
        assert not any(folder.is_relative_to(target) for target in targets), name


def test_kernels_are_for_a_level_that_a_start_can_check(
    instructions: list[tuple[str, str]],
) -> None:
    defaults = [rest for word, rest in instructions if word == "ARG" and "CPU_TARGET=" in rest]
    (name,) = {rest.split("=", 1)[1] for rest in defaults}
    with pytest.raises(ConfigError, match=name):
        cpu_target.check(name, "x86_64", {})
    with pytest.raises(ConfigError, match="this machine is aarch64"):
        cpu_target.check(name, "aarch64", {})


def test_kernels_are_those_of_the_mounted_configuration(
    services: dict[str, Service], instructions: list[tuple[str, str]]
) -> None:
    assert ("ARG", f"CONFIG={CONFIG.relative_to(ROOT)}") in instructions
    for name in OURS:
        assert services[name]["build"]["args"] == {"CONFIG": str(CONFIG.relative_to(ROOT))}


def test_the_image_says_what_it_is(instructions: list[tuple[str, str]]) -> None:
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", only(instructions, "LABEL")))
    assert {"title", "description", "licenses", "version", "revision"} <= labels


def test_what_the_image_copies_exists_and_is_sent(instructions: list[tuple[str, str]]) -> None:
    rules = [
        line
        for line in IGNORE.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*", "leave everything out first"
    sent = {line[1:] for line in rules if line.startswith("!")}
    copied = {
        name
        for word, rest in instructions
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    configurations = {name for name in sent if name.endswith(".toml") and "/" in name}
    assert copied - {"${CONFIG}"} == sent - configurations
    assert str(CONFIG.relative_to(ROOT)) in configurations
    for name in sent:
        assert (ROOT / name).exists(), name


# All of it


@pytest.mark.parametrize(
    "path", [COMPOSE, WORKERS, DOCKERFILE, CONFIG, IGNORE], ids=lambda path: path.name
)
def test_no_secret_is_written_down(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # What is taken from the environment is not written down.
    text = re.sub(r'"\$\{[A-Z_]+:\?[^}]*\}"', "", text)
    words = "password|passwd|secret|token|api_?key|private_?key"
    named = rf"(?im)^\W*[\w.]*(?:{words})\w*[ \t]*[:=][ \t]*(?!FRAUD_ADMIN__TOKEN$)\S"
    assert not re.search(named, text)
    assert "PRIVATE KEY" not in text
    assert not re.search(r"://[^/\s:@]+:[^/\s:@]+@", text), "a password in an address"


def compose_command() -> list[str]:
    """Return how Compose is called here; empty when it is not there."""
    if docker := shutil.which("docker"):
        command = [docker, "compose"]
        found = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=30)
        if found.returncode == 0:
            return command
    return []


@pytest.mark.parametrize("over", [[], ["-f", str(WORKERS)]], ids=["one", "sharing"])
def test_compose_itself_accepts_the_files(over: list[str]) -> None:
    command = compose_command()
    if not command:
        pytest.skip(
            "`docker compose config` was NOT run: this machine has no Compose plugin; "
            "the file was checked as YAML only"
        )
    done = subprocess.run(
        [
            *command,
            "-f",
            str(COMPOSE),
            *over,
            "--profile",
            "demo",
            "--profile",
            "obs",
            "config",
            "-q",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
