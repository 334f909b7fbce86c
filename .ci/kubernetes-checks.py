"""Assertions about the rendered Kubernetes objects that no schema makes, and that the Helm chart
renders the objects of k8s/base. Each assertion is also run against an object with a planted fault,
which it must find.

kubernetes-checks.py FOLDER: every *.yaml in it holds rendered objects.
"""

import copy
import re
import sys
import tomllib
from pathlib import Path

import yaml

PORT = "floorcast-admin"
SECRETS = "/run/secrets/floorcast"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
# How long the process may take beyond --grace: src/shard/publisher.rs, src/bridge.rs.
AFTERMATH = 5
# What a start must be left, in seconds.
START = 300
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


class Strict(yaml.SafeLoader):
    """Refuses a key that is there twice."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"{node.start_mark}: twice: {twice}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def load(file):
    objects = yaml.load_all(file.read_text(), Strict)
    return [thing for thing in objects if thing]


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def kinds(objects, *wanted):
    return [thing for thing in objects if thing["kind"] in wanted]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def bridges(pod):
    """The containers that run the bridge."""
    return [one for one in containers(pod) if one.get("args", [""])[0] == "run"]


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def variables(container):
    return {one["name"]: one.get("value") for one in container.get("env", [])}


def selectors(objects):
    """Whatever selects pods, selects some, and those of one workload only."""
    pods = {name_of(one): one["spec"]["template"]["metadata"]["labels"] for one in kinds(objects, *WORKLOADS)}
    for one in kinds(objects, *WORKLOADS):
        selector = one["spec"]["selector"]["matchLabels"]
        selected = [name for name, labels in pods.items() if selects(selector, labels)]
        if selected != [name_of(one)]:
            yield f"{name_of(one)}: selects {selected}"
        for spread in one["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            if not selects(spread["labelSelector"]["matchLabels"], pods[name_of(one)]):
                yield f"{name_of(one)}: does not spread its own pods"
    for one in objects:
        spec = one.get("spec", {})
        selector = {
            "Service": lambda: spec["selector"],
            "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
            "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
        }.get(one["kind"])
        if selector:
            selected = [name for name, labels in pods.items() if selects(selector(), labels)]
            if len(selected) != 1:
                yield f"{name_of(one)}: selects {selected}"
    for one in kinds(objects, "PodMonitor"):
        selector = one["spec"]["selector"]["matchLabels"]
        if not any(selects(selector, labels) for labels in pods.values()):
            yield f"{name_of(one)}: selects nothing"
    for one in kinds(objects, "StatefulSet"):
        wanted = one["spec"]["serviceName"]
        services = [it for it in kinds(objects, "Service") if it["metadata"]["name"] == wanted]
        # A host's own Service is not among what is rendered.
        if one["spec"]["template"]["spec"]["containers"] == bridges(one["spec"]["template"]["spec"]):
            if [it["spec"].get("clusterIP") for it in services] != ["None"]:
                yield f"{name_of(one)}: serviceName {wanted} is no headless Service"


def ports(objects):
    """Names of ports are valid, unique in the pod, and lead somewhere."""
    named = set()
    for one in kinds(objects, *WORKLOADS):
        pod = one["spec"]["template"]["spec"]
        own = [port for container in containers(pod) for port in container.get("ports", [])]
        names = [port["name"] for port in own]
        named.update(names)
        if len(set(names)) != len(names) or len({port["containerPort"] for port in own}) != len(own):
            yield f"{name_of(one)}: ports that are there twice: {own}"
        for name in names:
            if not re.fullmatch(r"(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?", name) or "--" in name:
                yield f"{name_of(one)}: {name} is no name of a port"
        for container in bridges(pod):
            listen = variables(container).get("FLOORCAST_ADMIN__LISTEN") or ""
            if [(it["name"], it["containerPort"]) for it in container.get("ports", [])] != [(PORT, 9464)]:
                yield f"{name_of(one)}: the bridge's port is not {PORT}, 9464"
            if listen != "0.0.0.0:9464":
                yield f"{name_of(one)}: listens on {listen}, where kubelet does not reach it"
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in container and container[probe]["httpGet"]["port"] != PORT:
                    yield f"{name_of(one)}: {probe} asks another port"
    used = [it["targetPort"] for one in kinds(objects, "Service") for it in one["spec"]["ports"]]
    used += [it["port"] for one in kinds(objects, "PodMonitor") for it in one["spec"]["podMetricsEndpoints"]]
    for one in kinds(objects, "NetworkPolicy"):
        used += [it["port"] for rule in one["spec"]["ingress"] for it in rule["ports"]]
    for port in used:
        if port not in named:
            yield f"no container has a port {port}"


def volumes(objects):
    """What is mounted is there, what is there is mounted, and what is referenced exists."""
    maps = {one["metadata"]["name"]: one for one in kinds(objects, "ConfigMap")}
    secrets = {one["metadata"]["name"]: one for one in kinds(objects, "Secret")}
    for one in kinds(objects, *WORKLOADS):
        pod = one["spec"]["template"]["spec"]
        there = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for claim in one["spec"].get("volumeClaimTemplates", []):
            there[claim["metadata"]["name"]] = claim
        mounted = {mount["name"] for it in containers(pod) for mount in it.get("volumeMounts", [])}
        if mounted != set(there):
            yield f"{name_of(one)}: mounts {sorted(mounted)} of {sorted(there)}"
            continue
        for container in bridges(pod):
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            state = mounts.get(variables(container).get("FLOORCAST_STATE__DIR"))
            if not state or state.get("readOnly"):
                yield f"{name_of(one)}: the state directory cannot be written"
            elif "emptyDir" not in there[state["name"]] and not pod["securityContext"].get("fsGroup"):
                yield f"{name_of(one)}: without fsGroup the volume belongs to root"
            if SECRETS not in mounts or not mounts[SECRETS].get("readOnly"):
                yield f"{name_of(one)}: the secrets are not mounted to be read only"
                continue
            secret = there[mounts[SECRETS]["name"]]["secret"]
            for_all = secret["defaultMode"] & 0o004
            if not for_all and not pod.get("securityContext", {}).get("fsGroup"):
                yield f"{name_of(one)}: without fsGroup only root can read the secrets"
            config = next((arg for arg in container["args"] if arg.startswith("--config=")), "")
            folder, _, file = config.removeprefix("--config=").rpartition("/")
            source = there[mounts[folder]["name"]]["configMap"]["name"] if folder in mounts else None
            if source not in maps or file not in maps[source]["data"]:
                yield f"{name_of(one)}: no ConfigMap has {config}"
                continue
            text = maps[source]["data"][file]
            for key in re.findall(r'file\s*=\s*"([^"]*)"', text):
                if not key.startswith(f"{SECRETS}/"):
                    yield f"{name_of(one)}: {key} is in no Secret"
                elif secret["secretName"] in secrets:
                    if key.removeprefix(f"{SECRETS}/") not in secrets[secret["secretName"]]["stringData"]:
                        yield f"{name_of(one)}: the Secret has no {key}"
            tomllib.loads(text)


def secrets(objects):
    """No secret is in the environment or in a ConfigMap."""
    for one in kinds(objects, *WORKLOADS):
        pod = one["spec"]["template"]["spec"]
        for container in bridges(pod):
            if container.get("envFrom") or any("valueFrom" in it for it in container.get("env", [])):
                yield f"{name_of(one)}: the environment comes from elsewhere"
            for name in variables(container):
                if re.search("PASSWORD|TOKEN|SECRET|KEY", name):
                    yield f"{name_of(one)}: {name} is in the environment"
    for one in kinds(objects, "ConfigMap"):
        for text in one["data"].values():
            for line in text.splitlines():
                key = line.split("#")[0].partition("=")
                if re.search("password|token|secret|key", key[0]) and "{" not in key[2] and key[1]:
                    yield f"{name_of(one)}: a secret is written: {key[0]}"


def lives(objects):
    """Probes, grace times, privileges and resources of the bridge."""
    for one in kinds(objects, *WORKLOADS):
        pod = one["spec"]["template"]["spec"]
        running = bridges(pod)
        declines = one["metadata"].get("annotations", {}).get("floorcast/sidecar") == "false"
        if len(running) != (0 if declines else 1):
            yield f"{name_of(one)}: {len(running)} bridges"
            continue
        if declines:
            continue
        bridge = running[0]
        sidecar = bridge in pod.get("initContainers", [])
        path = {probe: bridge[probe]["httpGet"]["path"] for probe in bridge if probe.endswith("Probe")}
        wanted = {"startupProbe": "/healthz", "livenessProbe": "/healthz"}
        if sidecar:
            # A readiness probe would take the host out of service with Kafka or a vendor.
            if bridge.get("restartPolicy") != "Always":
                yield f"{name_of(one)}: an init container that never ends is no sidecar"
        else:
            wanted["readinessProbe"] = "/readyz"
            if not pod.get("automountServiceAccountToken", True) is False or pod["enableServiceLinks"]:
                yield f"{name_of(one)}: a token or service links"
        if path != wanted:
            yield f"{name_of(one)}: probes {path}"
            continue
        start = bridge["startupProbe"]
        if start["failureThreshold"] * start["periodSeconds"] < START:
            yield f"{name_of(one)}: a start has less than {START} s"
        grace = [int(arg.removeprefix("--grace=")) for arg in bridge["args"] if arg.startswith("--grace=")]
        host = 10 if sidecar else 0
        if len(grace) != 1 or pod.get("terminationGracePeriodSeconds", 30) < grace[0] + AFTERMATH + host:
            yield f"{name_of(one)}: killed before {grace} s and what follows are over"
        if variables(bridge).get("FLOORCAST_KAFKA__STANDBY") != "true":
            yield f"{name_of(one)}: two pods would fence each other"
        if sidecar and all(mount["mountPath"] != TOKEN for mount in bridge["volumeMounts"]):
            yield f"{name_of(one)}: the sidecar gets the host's token"
        context = {**pod.get("securityContext", {}), **bridge["securityContext"]}
        closed = {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        if not closed.items() <= context.items():
            yield f"{name_of(one)}: {context}"
        limits = bridge["resources"]
        if any(what not in limits[part] for part in ("requests", "limits") for what in ("cpu", "memory")):
            yield f"{name_of(one)}: requests or limits are missing"
        if not re.search(r":\d+\.\d+\.\d+$|@sha256:[0-9a-f]{64}$", bridge["image"]):
            yield f"{name_of(one)}: {bridge['image']} is not pinned"
        if one["kind"] == "StatefulSet" and not sidecar:
            if one["spec"]["replicas"] < 2 or one["spec"]["podManagementPolicy"] != "Parallel":
                yield f"{name_of(one)}: no standby"
            if one["spec"]["updateStrategy"]["type"] != "RollingUpdate":
                yield f"{name_of(one)}: no rolling update"
            budgets = kinds(objects, "PodDisruptionBudget")
            if any(it["spec"].get("maxUnavailable") != 1 for it in budgets):
                yield f"{name_of(one)}: a drain may take both pods"


CHECKS = (selectors, ports, volumes, secrets, lives)


def problems(objects):
    return [problem for check in CHECKS for problem in check(objects)]


def bridge_of(objects, kind):
    one = next(it for it in kinds(objects, kind) if bridges(it["spec"]["template"]["spec"]))
    return one["spec"], one["spec"]["template"]["spec"], bridges(one["spec"]["template"]["spec"])[0]


def faults(kind):
    """Each changes one thing so that a check must complain."""

    def of(change):
        return lambda objects: change(*bridge_of(objects, kind))

    def first(kind, change):
        return lambda objects: change(kinds(objects, kind)[0])

    yield "label", of(lambda spec, pod, one: spec["template"]["metadata"]["labels"].clear())
    yield "port name", of(lambda spec, pod, one: one["ports"][0].update(name="floorcast-admin-1"))
    yield "port twice", of(lambda spec, pod, one: one["ports"].append(dict(one["ports"][0])))
    yield "loopback", of(lambda spec, pod, one: one["env"][0].update(value="127.0.0.1:9464"))
    yield "no volume", of(lambda spec, pod, one: pod["volumes"].pop())
    yield "unused volume", of(lambda spec, pod, one: pod["volumes"].append({"name": "x", "emptyDir": {}}))
    yield "config", of(lambda spec, pod, one: one["args"].__setitem__(1, "--config=/etc/other/floorcast.toml"))
    yield "state", of(lambda spec, pod, one: one["env"][1].update(value="/state"))
    yield "secret in env", of(lambda spec, pod, one: one["env"].append({"name": "ACME_TOKEN", "value": "x"}))
    yield "env from", of(lambda spec, pod, one: one.update(envFrom=[{"secretRef": {"name": "x"}}]))
    yield "standby", of(lambda spec, pod, one: one["env"][2].update(value="false"))
    yield "grace", of(lambda spec, pod, one: pod.update(terminationGracePeriodSeconds=15))
    yield "start", of(lambda spec, pod, one: one["startupProbe"].update(failureThreshold=3))
    yield "liveness", of(lambda spec, pod, one: one["livenessProbe"]["httpGet"].update(path="/readyz"))
    yield "root", of(lambda spec, pod, one: one["securityContext"].update(runAsUser=0))
    yield "writable root", of(lambda spec, pod, one: one["securityContext"].pop("readOnlyRootFilesystem"))
    yield "limits", of(lambda spec, pod, one: one["resources"]["limits"].pop("memory"))
    yield "latest", of(lambda spec, pod, one: one.update(image="floorcast:latest"))
    yield "secret written", first("ConfigMap", lambda it: it["data"].update(x='password = "x"'))
    yield "monitor", first("PodMonitor", lambda it: it["spec"]["selector"].update(matchLabels={"a": "b"}))
    yield "monitored port", first("PodMonitor", lambda it: it["spec"]["podMetricsEndpoints"][0].update(port="admin"))
    yield "key", first("Secret", lambda it: it["stringData"].pop("acme-token"))
    if kind == "StatefulSet":
        yield "token", of(lambda spec, pod, one: pod.pop("automountServiceAccountToken"))
        yield "fsGroup", of(lambda spec, pod, one: pod["securityContext"].pop("fsGroup"))
        yield "one replica", of(lambda spec, pod, one: spec.update(replicas=1))
        yield "ordered", of(lambda spec, pod, one: spec.update(podManagementPolicy="OrderedReady"))
        yield "on delete", of(lambda spec, pod, one: spec.update(updateStrategy={"type": "OnDelete"}))
        yield "not headless", first("Service", lambda it: it["spec"].pop("clusterIP"))
        yield "service", first("Service", lambda it: it["spec"]["selector"].update({"a": "b"}))
        yield "budget", first("PodDisruptionBudget", lambda it: it["spec"].update(maxUnavailable=2))
        yield "policy", first("NetworkPolicy", lambda it: it["spec"]["podSelector"].update(matchLabels={"a": "b"}))
    else:
        yield "readiness", of(lambda spec, pod, one: one.update(readinessProbe=one["livenessProbe"]))
        yield "init container", of(lambda spec, pod, one: one.pop("restartPolicy"))
        yield "token", of(lambda spec, pod, one: one["volumeMounts"].pop())
        yield "secret mode", of(lambda spec, pod, one: pod["volumes"][1]["secret"].update(defaultMode=0o400))


def same_form(objects):
    """Kustomize gives the ConfigMap's name a hash, Helm the pods an annotation: both are left out."""
    text = yaml.safe_dump(objects, sort_keys=True)
    text = re.sub(r"floorcast-config-[a-z0-9]{10}\b", "floorcast-config", text)
    text = re.sub(r" *checksum/config: \w+\n", "", text)
    objects = yaml.safe_load(text)
    for one in kinds(objects, "ConfigMap"):
        one["data"] = {name: text.rstrip("\n") for name, text in one["data"].items()}
    return {name_of(one): one for one in objects}


def differences(left, right, place=""):
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from differences(left.get(key), right.get(key), f"{place}/{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right)):
            yield from differences(one, other, f"{place}/{number}")
    elif left != right:
        yield f"{place}: kustomize {left!r}, helm {right!r}"


def main(folder):
    passed, failed = 0, 0

    def verdict(name, found):
        nonlocal passed, failed
        if found:
            failed += 1
            print("\n".join(f"{name}: {problem}" for problem in found), file=sys.stderr)
        else:
            passed += 1

    rendered = {file.stem: load(file) for file in sorted(folder.glob("*.yaml"))}
    for name, objects in rendered.items():
        verdict(name, problems(objects))
    for name, kind in (("standalone", "StatefulSet"), ("sidecar", "Deployment")):
        for fault, plant in faults(kind):
            objects = copy.deepcopy(rendered[name])
            plant(objects)
            verdict(name, [] if problems(objects) else [f"the planted fault is not found: {fault}"])
    kustomize, helm = same_form(rendered["compared"]), same_form(rendered["chart"])
    verdict("chart", list(differences(kustomize, helm)))
    hosts = {one["metadata"]["name"]: one["spec"]["template"] for one in kinds(rendered["hosts"], *WORKLOADS)}
    untouched = [
        hosts["plain"]["spec"]["containers"][0]["name"] == "host",
        "migrate" in [one["name"] for one in hosts["plain"]["spec"]["initContainers"]],
        "state" in [one["name"] for one in hosts["plain"]["spec"]["volumes"]],
        hosts["plain"]["spec"]["securityContext"]["runAsUser"] == 1000,
        hosts["stateful"]["spec"]["terminationGracePeriodSeconds"] == 300,
        "initContainers" not in hosts["declines"]["spec"],
    ]
    verdict("hosts", [] if all(untouched) else [f"what is the host's own was changed: {untouched}"])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or len(rendered) < 9 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
