"""What schemas of Kubernetes and Compose do not say about our files.

usage: check.py RENDERED.yaml…    each the output of `kubectl kustomize` of one overlay; docker-compose.yml is read from the repository.

Resources of other groups (Gateway API, KEDA, Prometheus operator) are checked against facts.json: names, types, bounds and enums of the
fields that we use, as the projects' CustomResourceDefinitions of August 2026 have them. A field that is not there is refused, so
whoever uses a new one looks it up first.
"""

import copy
import ipaddress
import json
import pathlib
import re
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FACTS = json.loads((pathlib.Path(__file__).parent / "facts.json").read_text())
CORE_GROUPS = {"", "apps", "batch", "policy", "autoscaling", "networking.k8s.io"}
SERVICES = ["ingest", "feed", "matcher", "delivery"]
# What is no setting and still in the environment of a program.
OTHER_VARIABLES = {"FANFARE_REVISION", "FANFARE_CONFIG", "FANFARE_DIR"}


class Problems(list):
    def expect(self, holds, text):
        if not holds:
            self.append(text)


def settings():
    """Variable -> the services that use it, from docs/configuration.md (which a test of the services compares with the code)."""
    used = {}
    for line in (ROOT / "docs/configuration.md").read_text().splitlines():
        match = re.match(r"\| `([a-z.-]+)` \| .* \| ([a-z, ]+) \| [^|]+ \|$", line)
        if match:
            services = set(SERVICES) if match[2] == "all" else set(match[2].split(", "))
            used["FANFARE_" + re.sub(r"[.-]", "_", match[1]).upper()] = services
    assert len(used) > 30, "docs/configuration.md is not read"
    return used


def seconds(text):
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", str(text))
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]]


def group(document):
    return document["apiVersion"].rpartition("/")[0]


def pod_templates(documents):
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            yield document, document["spec"]["template"]


def environment(document, template, documents):
    """Name -> value of the settings in a pod's only container."""
    container = template["spec"]["containers"][0]
    values = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        maps = [d for d in documents if d["kind"] == "ConfigMap" and d["metadata"]["name"] == name]
        assert maps, f"{document['metadata']['name']}: there is no ConfigMap {name}"
        values.update(maps[0]["data"])
    values.update({item["name"]: item.get("value") for item in container.get("env", [])})
    return values


def check_foreign(documents, problems):
    for document in documents:
        if group(document) in CORE_GROUPS:
            continue
        name = f"{document['kind']} {document['metadata']['name']}"
        facts = FACTS.get(f"{document['apiVersion']} {document['kind']}")
        if facts is None:
            problems.append(f"{name}: nothing is known of {document['apiVersion']}")
            continue
        for error in jsonschema.Draft202012Validator(facts).iter_errors(document["spec"]):
            problems.append(f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}")


def check_settings(documents, problems):
    known = settings()
    for document, template in pod_templates(documents):
        name = document["metadata"]["name"]
        service = name.removeprefix("fanfare-")
        own = {item["name"] for item in template["spec"]["containers"][0].get("env", [])}
        for variable in environment(document, template, documents):
            if variable in OTHER_VARIABLES:
                continue
            base = variable.removesuffix("_FILE") if variable not in known else variable
            problems.expect(base in known, f"{name}: {variable} is no setting")
            if base in known and variable in own and service in SERVICES:
                problems.expect(service in known[base], f"{name}: {variable} is not used by it")


def check_pods(documents, problems):
    for document, template in pod_templates(documents):
        name = document["metadata"]["name"]
        spec = template["spec"]
        context = spec.get("securityContext", {})
        problems.expect(context.get("runAsNonRoot") is True, f"{name}: may run as root")
        problems.expect(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{name}: no seccomp profile")
        problems.expect(spec.get("automountServiceAccountToken") is False, f"{name}: has a token of the cluster")
        problems.expect(spec.get("enableServiceLinks") is False, f"{name}: gets variables of services")
        accounts = {d["metadata"]["name"] for d in documents if d["kind"] == "ServiceAccount"}
        problems.expect(spec.get("serviceAccountName") in accounts, f"{name}: its service account is missing")
        for container in spec["containers"]:
            inner = container.get("securityContext", {})
            problems.expect(inner.get("allowPrivilegeEscalation") is False, f"{name}: may gain privileges")
            problems.expect(inner.get("readOnlyRootFilesystem") is True, f"{name}: its root can be written to")
            problems.expect(inner.get("capabilities") == {"drop": ["ALL"]}, f"{name}: keeps capabilities")
            resources = container.get("resources", {})
            problems.expect({"cpu", "memory"} <= resources.get("requests", {}).keys(), f"{name}: requests no resources")
            problems.expect("memory" in resources.get("limits", {}), f"{name}: has no limit of memory")
            image = container["image"].rpartition("/")[2]
            tagged = "@sha256:" in image or (":" in image and not image.endswith(":latest"))
            problems.expect(tagged, f"{name}: {container['image']} names no version")
        for volume in spec.get("volumes", []):
            problems.expect(set(volume) == {"name", "secret"}, f"{name}: mounts something else than a secret")
        if document["kind"] == "Deployment":
            check_shutdown(document, template, documents, problems)
            container = spec["containers"][0]
            problems.expect(
                {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), f"{name}: probes are missing")
            problems.expect(len(spec.get("topologySpreadConstraints", [])) == 2, f"{name}: is not spread")
            labels = template["metadata"]["labels"]
            for selector in (document["spec"]["selector"]["matchLabels"],):
                problems.expect(selector.items() <= labels.items(), f"{name}: does not select its own pods")


def check_shutdown(document, template, documents, problems):
    """What the kubelet gives a pod is enough for all that the pod takes."""
    name = document["metadata"]["name"]
    values = environment(document, template, documents)
    hook = template["spec"]["containers"][0].get("lifecycle", {}).get("preStop", {})
    taken = hook.get("sleep", {}).get("seconds", 0)
    taken += seconds(values.get("FANFARE_SHUTDOWN_DELAY", "0s")) + seconds(values.get("FANFARE_SHUTDOWN_GRACE", "25s"))
    given = template["spec"]["terminationGracePeriodSeconds"]
    problems.expect(given >= taken + 5, f"{name}: {given} s of grace for an end of up to {taken:g} s")


def check_references(documents, problems):
    services = {d["metadata"]["name"]: d for d in documents if d["kind"] == "Service"}
    deployments = {d["metadata"]["name"]: d for d in documents if d["kind"] == "Deployment"}
    problems.expect(set(deployments) == {f"fanfare-{s}" for s in SERVICES}, "not all services are deployed")
    problems.expect(not any(d["kind"] == "Secret" for d in documents), "a Secret is written down")
    for name, service in services.items():
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        problems.expect(service["spec"]["selector"].items() <= labels.items(), f"Service {name} selects nothing")
        ports = {p["name"] for p in deployments[name]["spec"]["template"]["spec"]["containers"][0]["ports"]}
        problems.expect({p["targetPort"] for p in service["spec"]["ports"]} <= ports, f"Service {name}: ports")
    budgets = [d for d in documents if d["kind"] == "PodDisruptionBudget"]
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        covering = [b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= labels.items()]
        problems.expect(len(covering) == 1, f"{name} has {len(covering)} disruption budgets")
    scaled = [d["spec"]["scaleTargetRef"]["name"] for d in documents
              if d["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    problems.expect(len(scaled) == len(set(scaled)), "something is scaled twice")
    problems.expect(set(scaled) <= set(deployments), "something is scaled that is not there")
    problems.expect("fanfare-delivery" in scaled, "delivery is not scaled")


def check_network(documents, problems):
    policies = {d["metadata"]["name"]: d["spec"] for d in documents if d["kind"] == "NetworkPolicy"}
    problems.expect(
        policies.get("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "no default deny")
    text = (ROOT / "Shared/Egress/Targets/ReservedAddresses.swift").read_text()
    entries = text[text.index("static let entries"):text.index("static let globalUnicast")]
    ranges = [ipaddress.ip_network(r) for r in re.findall(r'"([0-9a-f.:]+/\d+)"', entries)]
    problems.expect(len(ranges) > 25, "ReservedAddresses.swift is not read")
    blocks = [to["ipBlock"] for rule in policies["webhooks"]["egress"] for to in rule["to"]]
    allowed = [ipaddress.ip_network(b["cidr"]) for b in blocks]
    refused = [ipaddress.ip_network(e) for b in blocks for e in b["except"]]
    for wanted in ranges:
        reachable = [a for a in allowed if a.version == wanted.version and a.overlaps(wanted)]
        covered = any(r.version == wanted.version and wanted.subnet_of(r) for r in refused)
        # Azure's metadata service is the one public address on the list, and delivery refuses it by itself too.
        problems.expect(covered or not reachable, f"webhooks may reach {wanted}")
    for exception in refused:
        problems.expect(any(exception.version == r.version and exception.subnet_of(r) for r in ranges),
                        f"webhooks may not reach {exception}, which no list says")


# What lands where. A balancer that routes by path alone cannot tell the last two apart; there publishers use the alias.
ROUTES = [
    ("POST", "/v1/ingest/events", "ingest"), ("POST", "/v1/webhook/github/int_1", "ingest"),
    ("POST", "/v1/webhook/github", "ingest"), ("GET", "/v1/webhook/wecom/int_1", "ingest"),
    ("POST", "/v1/webhook/subscriptions", "feed"), ("POST", "/api/v1/webhooks/generic/ws_1", "ingest"),
    ("POST", "/api/events/ingest", "ingest"), ("GET", "/v1/events/evt_1", "feed"),
    ("GET", "/v1/events/stream", "feed"), ("POST", "/v1/events/evt_1/resend", "feed"),
    ("POST", "/v1/tenant/webhooks", "feed"), ("GET", "/v1/meta", "feed"), ("GET", "/", "feed"),
    ("GET", "/.well-known/fanfare", "feed"), ("GET", "/v1/event-types", "feed"),
    ("GET", "/v1/events", "feed"), ("POST", "/v1/events", "ingest"),
]


def is_below(path, prefix):
    prefix = prefix.rstrip("/")
    return prefix == "" or path == prefix or path.startswith(prefix + "/")


def by_gateway(route, method, path):
    """The rank of the Gateway API: exact before prefix, longer before shorter, with a method before without."""
    best = None
    for rule in route["spec"]["rules"]:
        for match in rule["matches"]:
            wanted = match["path"]
            exact = wanted["type"] == "Exact"
            fits = path == wanted["value"] if exact else is_below(path, wanted["value"])
            if fits and match.get("method", method) == method:
                rank = (exact, len(wanted["value"]), "method" in match)
                if best is None or rank > best[0]:
                    best = (rank, rule["backendRefs"][0]["name"])
    return best and best[1]


def by_ingress(ingresses, path):
    best = None
    for ingress in ingresses:
        for entry in ingress["spec"]["rules"][0]["http"]["paths"]:
            exact = entry["pathType"] == "Exact"
            if path == entry["path"] if exact else is_below(path, entry["path"]):
                rank = (exact, len(entry["path"]))
                if best is None or rank > best[0]:
                    best = (rank, entry["backend"]["service"]["name"])
    return best and best[1]


def check_routes(documents, problems):
    gateways = [d for d in documents if d["kind"] == "HTTPRoute"]
    ingresses = [d for d in documents if d["kind"] == "Ingress"]
    problems.expect(bool(gateways) != bool(ingresses), "there is no way in, or there are two kinds")
    for method, path, service in ROUTES:
        if gateways:
            found = by_gateway(gateways[0], method, path)
        else:
            found = by_ingress(ingresses, path)
            if (method, path) == ("POST", "/v1/events"):
                service = "feed"
        problems.expect(found == f"fanfare-{service}", f"{method} {path} goes to {found} and not to {service}")


def check_overlay(documents):
    problems = Problems()
    for check in (check_foreign, check_settings, check_pods, check_references, check_network, check_routes):
        check(documents, problems)
    namespaces = {d["metadata"].get("namespace") for d in documents if d["kind"] != "Namespace"}
    problems.expect(namespaces == {"fanfare"}, f"namespaces: {namespaces}")
    return problems


def check_rules(documents, problems):
    """The operator's copy of the alerts is that of deploy/prometheus."""
    files = sorted((ROOT / "deploy/prometheus").glob("*.rules.yml"))
    groups = [g for f in files for g in yaml.safe_load(f.read_text())["groups"]]
    copies = [d for d in documents if d["kind"] == "PrometheusRule"]
    copied = [g for d in copies for g in d["spec"]["groups"]]
    if not copies:
        print("there is no PrometheusRule yet; scripts/copy-rules makes it")
        return
    problems.expect(copied == groups, "the PrometheusRule is not what deploy/prometheus says; run scripts/copy-rules")


def check_compose(compose):
    problems = Problems()
    known = settings()
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            if variable.startswith("FANFARE_") and variable not in OTHER_VARIABLES:
                problems.expect(variable in known, f"compose: {name}: {variable} is no setting")
        for wanted in service.get("depends_on", {}):
            problems.expect(wanted in compose["services"], f"compose: {name} depends on {wanted}, which is not there")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                problems.expect((ROOT / source).exists(), f"compose: {source} is not there")
            else:
                problems.expect(source in compose["volumes"], f"compose: there is no volume {source}")
        for port in service.get("ports", []):
            problems.expect(port.startswith("127.0.0.1:"), f"compose: {name} is open to others than this machine")
        is_ours = service["image"].startswith("${FANFARE_IMAGE")
        if is_ours:
            problems.expect(service.get("read_only") is True, f"compose: {name}: its root can be written to")
            problems.expect(service.get("cap_drop") == ["ALL"], f"compose: {name} keeps capabilities")
        else:
            problems.expect(":" in service["image"], f"compose: {name}: its image has no version")
        if "restart" in service:
            problems.expect("healthcheck" in service, f"compose: {name} has no health check")
        if name in SERVICES:
            grace = seconds(service["stop_grace_period"])
            problems.expect(grace >= seconds(service["environment"]["FANFARE_SHUTDOWN_GRACE"]) + 5, f"compose: {name}: grace")
            problems.expect(service["depends_on"].get("migrate", {}).get("condition") == "service_completed_successfully",
                            f"compose: {name} does not wait for the migration")
            problems.expect(service["depends_on"]["kafka"]["required"] is False, f"compose: {name} needs Kafka always")
    problems.expect(set(SERVICES) <= compose["services"].keys(), "compose: a service is missing")
    problems.expect(compose["services"]["delivery"]["deploy"]["replicas"] >= 2, "compose: one delivery worker")
    problems.expect(compose["services"]["kafka"].get("profiles") == ["kafka"], "compose: Kafka is there without its profile")
    return problems


def break_each(documents):
    """Faults that must be found, one at a time: a check that finds nothing proves nothing."""
    def first(kind, documents, name=None):
        return next(d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"]))

    def container(documents):
        return first("Deployment", documents, "fanfare-delivery")["spec"]["template"]["spec"]["containers"][0]

    faults = {
        "an unknown setting": lambda d: container(d)["env"].append({"name": "FANFARE_DELIVRY_TIMEOUT", "value": "1s"}),
        "another service's setting": lambda d: container(d)["env"].append({"name": "FANFARE_FEED_RING", "value": "1MiB"}),
        "a root that can be written to": lambda d: container(d)["securityContext"].update(readOnlyRootFilesystem=False),
        "too little grace": lambda d: first("Deployment", d)["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=20),
        "a private range that webhooks reach": lambda d: first("NetworkPolicy", d, "webhooks")["spec"]["egress"][0]["to"][0][
            "ipBlock"]["except"].remove("10.0.0.0/8"),
        "no default deny": lambda d: d.remove(first("NetworkPolicy", d, "default-deny")),
        "a secret": lambda d: d.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "fanfare"}}),
        "a service without pods": lambda d: first("Service", d)["spec"]["selector"].update({"app.kubernetes.io/name": "x"}),
        "an unknown resource": lambda d: d.append(
            {"apiVersion": "example.com/v1", "kind": "X", "metadata": {"name": "x", "namespace": "fanfare"}, "spec": {}}),
    }
    kinds = {d["kind"] for d in documents}
    if "ScaledObject" in kinds:
        faults["a misspelt field"] = lambda d: first("ScaledObject", d)["spec"].update(maxReplicas=3)
        faults["a number where a text belongs"] = lambda d: first("ScaledObject", d)["spec"]["triggers"][0]["metadata"].update(
            threshold=2)
    if "HTTPRoute" in kinds:
        faults["a route to nobody"] = lambda d: first("HTTPRoute", d)["spec"]["rules"][0]["matches"].pop(0)
        faults["an unknown match"] = lambda d: first("HTTPRoute", d)["spec"]["rules"][0]["matches"][0]["path"].update(type="Glob")
    if "Ingress" in kinds:
        faults["a path that is missing"] = lambda d: first("Ingress", d)["spec"]["rules"][0]["http"]["paths"].pop(0)
    for what, make in faults.items():
        broken = copy.deepcopy(documents)
        make(broken)
        if not check_overlay(broken):
            yield what


def main():
    failed = False
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for problem in check_compose(compose):
        print(problem)
        failed = True
    for path in sys.argv[1:]:
        documents = [d for d in yaml.safe_load_all(pathlib.Path(path).read_text()) if d]
        problems = check_overlay(documents)
        if any(d["kind"] == "ServiceMonitor" for d in documents):
            check_rules(documents, problems)
        for problem in problems:
            print(f"{path}: {problem}")
        for what in break_each(documents):
            problems.append(what)
            print(f"{path}: the checks do not find {what}")
        failed = failed or bool(problems)
        print(f"{path}: {len(documents)} resources")
    sys.exit(1 if failed else 0)


main()
