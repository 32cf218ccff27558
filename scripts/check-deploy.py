#!/usr/bin/env python3
"""Checks the Dockerfile, the compose file and the Kubernetes manifest of the chat service.

No container runs. What is checked is that the files can be read and agree with each other and with the
program: paths that are copied, variables that are set, ports, probes, users, volumes, pinned images, memory, and
that metrics are not served where people are.

usage: scripts/check-deploy.py
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import yaml
except ImportError:
    print("NOT RUN: the deployment's files are not checked: PyYAML is missing (Debian: python3-yaml)")
    sys.exit(0)

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "examples/chat-service"
INSTRUCTIONS = set(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
)
# Variables of what the program is made of.
OTHERS = re.compile(r"AWS_\w+|OPENAI_\w+|RUST_LOG")

problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def instructions(path):
    """Returns the instructions of a Dockerfile as pairs, with continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def known_variables():
    config = (SERVICE / "src/config.rs").read_text()
    return set(re.findall(r'env = "(\w+)"', config))


def check_variables(where, names):
    for name in names:
        check(name in known_variables() or OTHERS.fullmatch(name), f"{where}: nobody reads {name}")


def mebibytes(text):
    """Returns an amount of memory as Kubernetes writes it."""
    number, unit = re.fullmatch(r"(\d+)([MG])i", text).groups()
    return int(number) * {"M": 1, "G": 1024}[unit]


def image_memory(variables):
    """Returns the memory for images, in MiB: what is set, or the default of the program."""
    config = (SERVICE / "src/config.rs").read_text()
    default = re.search(r'env = "IMAGE_MEMORY".*?default_value_t = (\d+)', config, re.S)[1]
    return int(variables.get("IMAGE_MEMORY", default))


def dockerfile():
    """Checks the Dockerfile and returns the user and the port."""
    found = instructions(SERVICE / "Dockerfile")
    for name, _ in found:
        check(name in INSTRUCTIONS, f"Dockerfile: unknown instruction {name}")
    stages = [i for i, (name, _) in enumerate(found) if name == "FROM"]
    check(len(stages) > 1, "Dockerfile: one stage, so the image has the compiler")
    for name, rest in found:
        if name == "FROM":
            check(":" in rest.split()[0] and ":latest" not in rest, f"Dockerfile: {rest} is not pinned")
    last = dict(found[stages[-1]:])
    user = last.get("USER", "root").split(":")[0]
    check(user not in ("root", "0"), "Dockerfile: the service runs as root")
    check_variables("Dockerfile", re.findall(r"(\w+)=", last.get("ENV", "")))
    check(last["ENTRYPOINT"].startswith("["), "Dockerfile: a shell would keep SIGTERM from the service")
    minimum = re.search(r'rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())[1]
    rust = re.match(r"rust:([\d.]+)", found[stages[0]][1])
    check(rust and rust[1] == minimum, f"Dockerfile: the image of Rust is not {minimum}")
    # The members of the workspace have to be in the context.
    ignored = (SERVICE / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    members = re.search(r"^members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.S | re.M)[1]
    for member in re.findall(r'"([^"*]+?)/?\*?"', members):
        inside = any(member == path or member.startswith(path + "/") for path in kept)
        check(inside, f"Dockerfile.dockerignore: {member} is not in the context")
    for path in kept:
        check((ROOT / path).exists(), f"Dockerfile.dockerignore: {path} does not exist")
    return user, last.get("EXPOSE")


def compose(port):
    path = SERVICE / "deploy/compose.yaml"
    file = yaml.safe_load(path.read_text())
    for name, service in file["services"].items():
        if "image" in service:
            check(re.search(r":[\w.-]*\d", service["image"]), f"compose: {service['image']} is not pinned")
            check("healthcheck" in service, f"compose: {name} has no health check")
            continue
        context = path.parent / service["build"]["context"]
        check((context / service["build"]["dockerfile"]).exists(), f"compose: no Dockerfile for {name}")
        check_variables(f"compose: {name}", service["environment"])
        metrics = service["environment"].get("METRICS_LISTEN", "").rsplit(":", 1)[-1]
        for published in service["ports"]:
            check(published.startswith("127.0.0.1:"), f"compose: {published} is open to the network")
            check(published.split(":")[-1] == port, f"compose: {published} is not the port {port}")
            check(published.split(":")[-1] != metrics, f"compose: {published} makes metrics public")
        for other in service["depends_on"]:
            check(other in file["services"], f"compose: {name} needs {other}, which is not there")
    ask = ["docker", "compose", "-f", str(path), "config", "--quiet"]
    if shutil.which("docker") and not subprocess.run(ask[:2] + ["version"], capture_output=True).returncode:
        secrets = {"LINK_SECRET": "x" * 32, "POSTGRES_PASSWORD": "x"}
        said = subprocess.run(ask, capture_output=True, text=True, env={**__import__("os").environ, **secrets})
        check(said.returncode == 0, f"compose: {said.stderr.strip()}")


def kubernetes(user, port):
    parts = list(yaml.safe_load_all((SERVICE / "deploy/kubernetes.yaml").read_text()))
    by_kind = {}
    for part in parts:
        check(all(part.get(field) for field in ("apiVersion", "kind", "metadata", "spec")), f"manifest: {part}")
        by_kind.setdefault(part["kind"], []).append(part)
    routes = (SERVICE / "src/routes/mod.rs").read_text()
    claims = {part["metadata"]["name"] for part in by_kind["PersistentVolumeClaim"]}
    for deployment in by_kind["Deployment"]:
        spec = deployment["spec"]
        labels = spec["template"]["metadata"]["labels"]
        check(spec["selector"]["matchLabels"].items() <= labels.items(), "manifest: the selector fits no pod")
        pod = spec["template"]["spec"]
        check(str(pod["securityContext"]["runAsUser"]) == user, f"manifest: the user is not {user}")
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            check(claim is None or claim in claims, f"manifest: no claim {claim}")
        for container in pod["containers"]:
            check(":" in container["image"] and ":latest" not in container["image"], "manifest: image is not pinned")
            ports = {item["name"]: item["containerPort"] for item in container["ports"]}
            check(port in map(str, ports.values()), f"manifest: the port is not {port}")
            for probe in ("livenessProbe", "readinessProbe"):
                asked = container[probe]["httpGet"]
                check(f'"{asked["path"]}"' in routes, f"manifest: no route {asked['path']}")
                check(asked["port"] in ports, f"manifest: no port {asked['port']}")
            for mount in container["volumeMounts"]:
                check(mount["name"] in volumes, f"manifest: no volume {mount['name']}")
            variables = {item["name"]: item["value"] for item in container["env"]}
            check_variables("manifest", variables)
            limit = mebibytes(container["resources"]["limits"]["memory"])
            check(
                image_memory(variables) * 2 <= limit,
                f"manifest: images may take {image_memory(variables)} MiB, more than half of the limit of {limit} MiB",
            )
            scraped = spec["template"]["metadata"]["annotations"]["prometheus.io/port"]
            served = variables.get("METRICS_LISTEN", "").rsplit(":", 1)[-1]
            check(scraped == served, f"manifest: metrics are at {served or 'no port'}, and {scraped} is asked")
            check(scraped == str(ports.get("metrics")), f"manifest: the port {scraped} is not named metrics")
            reached = [item["targetPort"] for service in by_kind["Service"] for item in service["spec"]["ports"]]
            check("metrics" not in reached and ports.get("metrics") not in reached, "manifest: metrics are public")
        for service in by_kind["Service"]:
            check(service["spec"]["selector"].items() <= labels.items(), "manifest: the service finds no pod")
            for item in service["spec"]["ports"]:
                check(item["targetPort"] in ports, f"manifest: no port {item['targetPort']}")


def main():
    user, port = dockerfile()
    compose(port)
    kubernetes(user, port)
    for problem in problems:
        print(problem)
    sys.exit("deploy: see above" if problems else print("deploy: ok"))


if __name__ == "__main__":
    main()
