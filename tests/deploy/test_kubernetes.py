"""What deploy/kubernetes promises: to a cluster by its schemas, and to the worker by its code.

No cluster is asked. What a test lacks it says: kustomize, the schemas, the definitions of others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.admin.health import Health
from stream.admin.routes import ops_routes
from stream.admin.security import PROBES, Access
from stream.app import engine_of
from stream.config.configuration import Config, load
from stream.telemetry.traffic import TrafficMeter

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
TOML = KUBERNETES / "configuration" / "fraudstream.toml"
OVERLAYS = ("small", "scaled")
RENDERED = ("overlays/small", "overlays/scaled", "topics")
# From the first that knows all fields used here on.
RELEASES = ("1.31", "1.34", "latest")
CRDS = "FRAUDSTREAM_CRDS"
GIB, MIB = 2**30, 2**20
UNITS = {"Ki": 2**10, "Mi": MIB, "Gi": GIB}
# What a worker has beside its states: the interpreter, compiled kernels, buffers of the client.
PROCESS_BYTES = 512 * MIB
# What the pods get from the Secret, and what the downward API makes of a name.
SECRETS = {
    "kafka-username": "fraudstream",
    "kafka-password": "correct horse battery staple",
    "hash-key": "0123456789abcdef" * 2,
    "admin-token": "0123456789abcdef" * 4,
}
POD = "fraudstream-0"

Manifest = dict[str, Any]


# What there is to read


@cache
def plain(name: str) -> list[Manifest]:
    """Read a file of manifests as it is."""
    text = (KUBERNETES / name).read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each is not None]


@cache
def settings(name: str) -> dict[str, str]:
    """Read a file of variables."""
    lines = (KUBERNETES / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert len(dict(pairs)) == len(pairs), "a variable stands twice"
    return dict(pairs)


@cache
def rendered(name: str) -> list[Manifest]:
    """Let kustomize put a folder together."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            break
    else:
        pytest.skip(
            "NOT RENDERED: neither kustomize nor kubectl is here; manifests were read file by file"
        )
    done = subprocess.run(
        [*command, str(KUBERNETES / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each is not None]


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind]
    return found


def stateful_set() -> Manifest:
    return one(plain("base/stateful-set.yaml"), "StatefulSet")


def pod() -> Manifest:
    return stateful_set()["spec"]["template"]["spec"]


def job_pod() -> Manifest:
    return one(plain("topics/job.yaml"), "Job")["spec"]["template"]["spec"]


def container(of: Manifest) -> Manifest:
    (found,) = of["containers"]
    return found


def scaled_object() -> Manifest:
    return one(plain("overlays/scaled/scaled-object.yaml"), "ScaledObject")


def environment_of(of: Manifest) -> dict[str, str]:
    """Return a container's variables, with values of the kind that a cluster would give them."""
    found = {}
    for each in container(of).get("env", []):
        source = each.get("valueFrom", {})
        if "secretKeyRef" in source:
            assert source["secretKeyRef"]["name"] == "fraudstream"
            found[each["name"]] = SECRETS[source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            assert source["fieldRef"] == {"fieldPath": "metadata.name"}
            found[each["name"]] = POD
        else:
            found[each["name"]] = each["value"]
    return found


@pytest.fixture
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("FRAUD_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def config(overlay: str, no_settings_of_ours: None, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration of an overlay's worker: the file, and over it all that its pod is given."""
    given = settings("base/settings.env") | settings(f"overlays/{overlay}/settings.env")
    for name, value in (given | environment_of(pod())).items():
        monkeypatch.setenv(name, value)
    return load(TOML)


# To a cluster


def validator() -> Any:
    try:
        import kubernetes_validate
    except ImportError:
        pytest.skip(
            "NOT VALIDATED: Kubernetes' schemas are in the package kubernetes-validate of "
            "requirements-dev.lock, which is not installed"
        )
    return kubernetes_validate


def is_core(manifest: Manifest) -> bool:
    """Whether a kind is Kubernetes' own."""
    group = manifest["apiVersion"].rpartition("/")[0]
    return "." not in group


def files() -> list[str]:
    """All manifests that are whole by themselves."""
    of_all = (path.relative_to(KUBERNETES) for path in sorted(KUBERNETES.rglob("*.yaml")))
    patches = {f"overlays/{name}/{patch}" for name in OVERLAYS for patch in patches_of(name)}
    return [str(p) for p in of_all if p.name != "kustomization.yaml" and str(p) not in patches]


def patches_of(name: str) -> list[str]:
    (found,) = plain(f"overlays/{name}/kustomization.yaml")
    return [each["path"] for each in found["patches"]]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", files())
def test_every_file_is_what_kubernetes_takes(name: str, release: str) -> None:
    validate = validator()
    version = validate.latest_version() if release == "latest" else release
    for manifest in plain(name):
        if is_core(manifest):
            validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", RENDERED)
def test_all_that_is_rendered_is_what_kubernetes_takes(name: str, release: str) -> None:
    validate = validator()
    version = validate.latest_version() if release == "latest" else release
    checked = [each for each in rendered(name) if is_core(each)]
    for manifest in checked:
        validate.validate(manifest, version, strict=True)
    assert len(checked) >= (2 if name == "topics" else 7)


def test_the_schemas_find_what_is_wrong() -> None:
    validate = validator()
    wrong = json.loads(json.dumps(stateful_set()))
    wrong["spec"]["template"]["spec"]["securityContext"]["runAsNonroot"] = True
    with pytest.raises(validate.ValidationError, match="runAsNonroot"):
        validate.validate(wrong, validate.latest_version(), strict=True)


def definitions() -> dict[tuple[str, str], Any]:
    """Read definitions of others' kinds: their schemas by apiVersion and kind."""
    folder = os.environ.get(CRDS)
    if not folder:
        pytest.skip(
            f"NOT VALIDATED: {CRDS} names no folder with the definitions of KEDA and of the "
            "Prometheus operator; docs/deployment.md says where they are"
        )
    pytest.importorskip("jsonschema", reason="NOT VALIDATED: jsonschema is not installed")
    found = {}
    for path in sorted(Path(folder).rglob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if isinstance(each, dict) and each.get("kind") == "CustomResourceDefinition":
                spec = each["spec"]
                for version in spec["versions"]:
                    key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                    found[key] = version["schema"]["openAPIV3Schema"]
    return found


def strict(schema: Any) -> Any:
    """Return a schema that takes no fields but those that it names."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(value) for name, value in schema.items()}
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found:
        found["additionalProperties"] = bool(found.get("x-kubernetes-preserve-unknown-fields"))
    if found.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    return found


@pytest.mark.parametrize("name", [name for name in files() if not all(map(is_core, plain(name)))])
def test_kinds_of_others_are_as_they_define_them(name: str) -> None:
    others = [each for each in plain(name) if not is_core(each)]
    known = definitions()
    import jsonschema

    for manifest in others:
        schema = strict(known[manifest["apiVersion"], manifest["kind"]])
        # What every kind has, and no definition says.
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.Draft202012Validator(schema).validate(manifest)
        wrong = {**manifest, "spec": {**manifest["spec"], "misspelt": 1}}
        with pytest.raises(jsonschema.ValidationError, match="misspelt"):
            jsonschema.Draft202012Validator(schema).validate(wrong)


def test_what_is_rendered_is_what_the_files_say(overlay: str) -> None:
    found = rendered(f"overlays/{overlay}")
    maps = {each["metadata"]["name"]: each["data"] for each in found if each["kind"] == "ConfigMap"}
    given = settings("base/settings.env") | settings(f"overlays/{overlay}/settings.env")
    template = one(found, "StatefulSet")["spec"]["template"]["spec"]
    (source,) = container(template)["envFrom"]
    assert maps[source["configMapRef"]["name"]] == given
    (mounted,) = [each for each in template["volumes"] if each["name"] == "config"]
    text = TOML.read_text(encoding="utf-8")
    assert maps[mounted["configMap"]["name"]] == {"fraudstream.toml": text}


def test_every_label_that_is_asked_for_is_there(overlay: str) -> None:
    found = rendered(f"overlays/{overlay}")
    workers = one(found, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    service = one(found, "Service")
    asking = [
        service["spec"]["selector"],
        one(found, "StatefulSet")["spec"]["selector"]["matchLabels"],
        one(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(
            each["labelSelector"]["matchLabels"]
            for each in one(found, "StatefulSet")["spec"]["template"]["spec"][
                "topologySpreadConstraints"
            ]
        ),
    ]
    for labels in asking:
        assert labels.items() <= workers.items()
        # Or the Job's pod would be one of them.
        assert not labels.items() <= (
            one(plain("topics/job.yaml"), "Job")["spec"]["template"]["metadata"]["labels"].items()
        )
    monitor = one(plain("components/prometheus-operator/service-monitor.yaml"), "ServiceMonitor")[
        "spec"
    ]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    # The job that the rules ask for.
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "fraudstream"
    assert one(found, "StatefulSet")["spec"]["serviceName"] == service["metadata"]["name"]


@pytest.mark.parametrize("of", [pod, job_pod], ids=["worker", "topics"])
def test_pods_may_do_nothing_that_they_need_not(of: Any) -> None:
    found = of()
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile(), re.MULTILINE)
    assert user is not None
    context = found["securityContext"]
    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["runAsGroup"]) == tuple(map(int, user.groups()))
    assert context["fsGroup"] == context["runAsGroup"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert found["automountServiceAccountToken"] is False
    # Their variables would be FRAUD_* where a Service is called so.
    assert found["enableServiceLinks"] is False
    own = container(found)["securityContext"]
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & found.keys()
    assert "memory" in container(found)["resources"]["limits"]


@pytest.mark.parametrize("of", [pod, job_pod], ids=["worker", "topics"])
def test_kernels_are_the_images(of: Any) -> None:
    found = of()
    target = re.search(r"^ARG CPU_TARGET=(\S+)$", dockerfile(), re.MULTILINE)
    folder = re.search(r"^ +NUMBA_CACHE_DIR=(\S+)", dockerfile(), re.MULTILINE)
    assert target is not None
    assert folder is not None
    assert target[1].startswith("x86-64")
    assert found["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    for mount in container(found)["volumeMounts"]:
        assert not Path(folder[1]).is_relative_to(mount["mountPath"]), "it would hide them"
    named = {each["name"] for each in container(found).get("env", [])}
    assert not {name for name in named if name.startswith("NUMBA")}
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert f"!{TOML.relative_to(ROOT)}" in sent


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_the_projects() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for of in (pod(), job_pod()):
        assert container(of)["image"] == f"fraudstream:{version}"
    for name in OVERLAYS:
        (found,) = plain(f"overlays/{name}/kustomization.yaml")
        assert [(each["name"], each["newTag"]) for each in found["images"]] == [
            ("fraudstream", version)
        ]


def test_no_secret_is_written_down() -> None:
    for path in sorted(KUBERNETES.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "kind: Secret\n" not in text, path
            text = text.replace("automountServiceAccountToken: false", "")
            assert not re.search(r"(?i)(password|token|hash_key)\s*[=:]\s*[\"']?\w", text), path


# To the worker


def test_the_configuration_is_one_that_a_worker_takes(overlay: str, config: Config) -> None:
    assert config.kafka.client["group.instance.id"] == POD
    assert config.kafka.client["sasl.password"] == SECRETS["kafka-password"]
    assert config.hash_key() == bytes.fromhex(SECRETS["hash-key"])
    assert config.admin_token() == SECRETS["admin-token"]
    assert config.per_partition is (overlay == "scaled")
    # What brokers allow by default.
    assert 6_000 <= int(config.kafka.client["session.timeout.ms"]) <= 1_800_000


def test_the_job_reads_the_same_file_and_has_no_more_than_it_needs(
    no_settings_of_ours: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(job_pod()).items():
        monkeypatch.setenv(name, value)
    config = load(TOML)
    assert config.kafka.client["sasl.username"] == SECRETS["kafka-username"]
    assert container(job_pod())["args"][:2] == ["topics", "create"]
    keys = {e["valueFrom"]["secretKeyRef"]["key"] for e in container(job_pod())["env"]}
    assert keys == {"kafka-username", "kafka-password"}


@pytest.mark.parametrize("of", [pod, job_pod], ids=["worker", "topics"])
def test_what_is_written_to_is_mounted(of: Any, config: Config) -> None:
    found = of()
    mounts = {each["mountPath"]: each for each in container(found)["volumeMounts"]}
    assert {each["name"] for each in mounts.values()} == {e["name"] for e in found["volumes"]}
    arguments = container(found)["args"]
    named = Path(arguments[arguments.index("--config") + 1])
    assert mounts[str(named.parent)]["readOnly"] is True
    assert named.name == TOML.name
    assert "/tmp" in mounts
    if of is pod:
        folder = Path(config.recovery.folder)
        (state,) = [path for path, each in mounts.items() if each["name"] == "state"]
        assert folder.is_relative_to(state)
        assert not mounts[state].get("readOnly", False)


def test_probes_ask_what_the_worker_answers_without_a_token(config: Config) -> None:
    meter = TrafficMeter(config)
    paths = {route.path for route in ops_routes(meter, Health(meter, 1.0))}
    found = container(pod())
    (port,) = found["ports"]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = found[name]["httpGet"]
        assert asked["path"] in paths & set(PROBES), name
        assert asked["port"] == port["name"], name
        assert found[name]["timeoutSeconds"] <= found[name]["periodSeconds"], name
    assert found["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert found["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert port["containerPort"] == config.admin.port
    (of_service,) = one(plain("base/service.yaml"), "Service")["spec"]["ports"]
    assert (of_service["port"], of_service["targetPort"]) == (config.admin.port, port["name"])
    # A kubelet, and a scrape, call a pod by its address.
    access = Access(config.admin.host, config.admin.allowed_hosts, config.admin_token())
    assert access.knows(f"10.42.0.7:{config.admin.port}")


def test_metrics_are_asked_for_with_the_token(config: Config) -> None:
    (manifest,) = plain("components/prometheus-operator/service-monitor.yaml")
    (endpoint,) = manifest["spec"]["endpoints"]
    meter = TrafficMeter(config)
    assert endpoint["path"] in {route.path for route in ops_routes(meter, Health(meter, 1.0))}
    assert endpoint["path"] not in PROBES
    assert endpoint["authorization"]["credentials"] == {"name": "fraudstream", "key": "admin-token"}


def test_a_pod_is_not_killed_while_its_worker_ends(config: Config) -> None:
    deadline_s = config.worker.shutdown_deadline / 1e6
    assert pod()["terminationGracePeriodSeconds"] >= deadline_s + 10


def test_a_worker_that_takes_up_all_partitions_is_not_taken_for_stuck(
    overlay: str, config: Config
) -> None:
    if overlay == "scaled":
        # librdkafka's max.poll.interval.ms: for so long a group waits for a member.
        assert config.admin.stuck_after >= 300_000_000
    probe = container(pod())["livenessProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 20


def test_the_states_that_a_worker_may_have_fit_into_its_memory(
    overlay: str, config: Config
) -> None:
    states = config.topics.partitions if config.per_partition else 1
    engine = engine_of(config, bytes(16), partitions=states)
    of_states = states * sum(array.nbytes for array in engine.arrays())
    (patch,) = plain(f"overlays/{overlay}/stateful-set.yaml")
    patched = patch["spec"].get("template", {}).get("spec", {}).get("containers")
    resources = container(patch["spec"]["template"]["spec"]) if patched else container(pod())
    limit = size(resources["resources"]["limits"]["memory"])
    # Once more while snapshots of all of them are written.
    assert 2 * of_states + PROCESS_BYTES <= limit
    assert size(resources["resources"]["requests"]["memory"]) <= limit


def size(text: str) -> int:
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", text)
    assert found, f"write the size in Ki, Mi or Gi: {text!r}"
    return int(found[1]) * UNITS[found[2]]


# Its overlays


def test_one_worker_has_the_whole_and_its_disk_alone() -> None:
    (patch,) = plain("overlays/small/stateful-set.yaml")
    assert patch["spec"]["replicas"] == 1
    (claim,) = plain("overlays/small/volume-claim.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert "components" not in plain("overlays/small/kustomization.yaml")[0]


def test_workers_that_share_are_never_mixed_and_share_their_disk() -> None:
    (patch,) = plain("overlays/scaled/stateful-set.yaml")
    assert patch["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert "replicas" not in patch["spec"] | stateful_set()["spec"], "KEDA says how many"
    assert stateful_set()["spec"]["podManagementPolicy"] == "Parallel"
    for name in ("base/volume-claim.yaml", "overlays/scaled/volume-claim.yaml"):
        assert plain(name)[0]["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("overlay", ["scaled"], indirect=True)
def test_there_are_never_more_workers_than_partitions(config: Config) -> None:
    spec = scaled_object()["spec"]
    assert spec["maxReplicaCount"] == config.topics.partitions
    assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": stateful_set()["apiVersion"],
        "kind": "StatefulSet",
        "name": stateful_set()["metadata"]["name"],
    }


@pytest.mark.parametrize("overlay", ["scaled"], indirect=True)
def test_the_lag_is_that_of_the_workers_group(config: Config) -> None:
    (trigger,) = scaled_object()["spec"]["triggers"]
    asked = trigger["metadata"]
    assert asked["bootstrapServers"] == config.kafka.bootstrap
    assert asked["consumerGroup"] == config.kafka.group
    assert asked["topic"] == config.topics.transactions
    assert asked["offsetResetPolicy"] == "earliest"
    assert all(isinstance(value, str) for value in asked.values())
    protocol, mechanism = (
        config.kafka.client[name] for name in ("security.protocol", "sasl.mechanisms")
    )
    assert (asked["tls"] == "enable") == ("SSL" in str(protocol))
    assert asked["sasl"] == str(mechanism).lower().replace("-sha-", "_sha")
    authentication = one(plain("overlays/scaled/scaled-object.yaml"), "TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}
    for each in authentication["spec"]["secretTargetRef"]:
        assert each["name"] == "fraudstream"
        assert each["key"] in SECRETS


def test_a_drain_takes_one_worker_at_a_time_and_is_never_held_up() -> None:
    spec = one(plain("base/disruption-budget.yaml"), "PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec
