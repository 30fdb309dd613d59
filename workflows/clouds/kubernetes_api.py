"""The part of Kubernetes' API that Snakemake's executor uses, answered on this machine.

This is no cluster. A job's one container is a process of this machine, in an empty folder that is
removed with the job; its environment is what the image sets and what the job takes from a secret.
No image is pulled, nothing is scheduled, and what a job asks for is read, but not kept to.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Cluster", "Pod", "cluster"]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"\d+(m|[kMGTPE]|[KMGTPE]i)?")
_ROUTE = re.compile(
    r"/(?:api/v1|apis/batch/v1)/namespaces/(?P<namespace>[^/]+)/(?P<kind>secrets|jobs|pods)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<part>status|log))?)?"
)


class Refused(Exception):  # noqa: N818 - an answer, not a mistake of this program
    """What the API answers in the place of what was asked for."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        }


@dataclass
class Pod:
    """A job and its one pod.

    Attributes
    ----------
    job
        The job as it was asked for.
    folder
        The folder that the process begins in.
    log
        What it wrote.
    process
        The process.
    """

    job: dict[str, Any]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """Return the name of the job."""
        return self.job["metadata"]["name"]

    def kill(self) -> None:
        """End all processes at once, as where a node is lost or memory runs out."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def described(self) -> dict[str, Any]:
        """Describe the job, as the API does."""
        code = self.process.poll()
        status = {"active": 1} if code is None else {"failed" if code else "succeeded": 1}
        return self.job | {"status": status}

    def described_pod(self) -> dict[str, Any]:
        """Describe the pod, as the API does."""
        code = self.process.poll()
        state: dict[str, Any] = {"running": {}}
        if code is not None:
            code = 128 - code if code < 0 else code
            state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        container = self.job["spec"]["template"]["spec"]["containers"][0]
        told = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": code is None,
            "restartCount": 0,
            "state": state,
        }
        return {
            "metadata": {"name": f"{self.name}-pod", "labels": {"job-name": self.name}},
            "spec": self.job["spec"]["template"]["spec"],
            "status": {"containerStatuses": [told]},
        }


@dataclass
class Cluster:
    """What the API knows.

    Attributes
    ----------
    folder
        Where folders and logs of pods are.
    image
        The environment variables that the image sets.
    kubeconfig
        The file that tells clients where the API is.
    secrets
        Secrets by their names, decoded.
    pods
        All that there ever were, in the order of their beginnings.
    """

    folder: Path
    image: Mapping[str, str]
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """Return the file that tells clients where the API is."""
        return self.folder / "kubeconfig"

    def answer(self, method: str, address: str, body: bytes) -> dict[str, Any] | str:
        """Do what was asked for, and return what is said of it."""
        path, query = urlsplit(address).path, parse_qs(urlsplit(address).query)
        if (route := _ROUTE.fullmatch(path)) is None:
            raise Refused(404, "NotFound", f"the emulator has no {path}")
        name, part = route["name"], route["part"]
        match method, route["kind"], part:
            case "POST", "secrets", None:
                return self._keep_secret(json.loads(body))
            case "DELETE", "secrets", None:
                self.secrets.pop(self._known(name, self.secrets))
            case "POST", "jobs", None:
                return self._begin(json.loads(body))
            case "GET", "jobs", "status":
                return self._pod(name).described()
            case "DELETE", "jobs", None:
                self._delete(self._pod(name))
            case "GET", "pods", None:
                wanted = query["labelSelector"][0].removeprefix("job-name=")
                found = [pod for pod in self._there() if pod.name == wanted]
                return {"metadata": {}, "items": [pod.described_pod() for pod in found]}
            case "GET", "pods", "log":
                if query.get("previous", ["false"])[0].lower() not in ("false", "0"):
                    raise Refused(400, "BadRequest", "previous terminated container not found")
                return self._pod(name.removesuffix("-pod")).log.read_text(encoding="utf-8")
            case "DELETE", "pods", None:
                self._pod(name.removesuffix("-pod")).kill()
            case _:
                raise Refused(405, "MethodNotAllowed", f"the emulator has no {method} {path}")
        return {"kind": "Status", "status": "Success"}

    def _there(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.is_deleted]

    def _known(self, name: str, among: Mapping[str, object]) -> str:
        if name not in among:
            raise Refused(404, "NotFound", f"{name} not found")
        return name

    def _pod(self, name: str) -> Pod:
        there = {pod.name: pod for pod in self._there()}
        return there[self._known(name, there)]

    def _keep_secret(self, secret: dict[str, Any]) -> dict[str, Any]:
        data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        self.secrets[secret["metadata"]["name"]] = data
        return secret

    def _begin(self, job: dict[str, Any]) -> dict[str, Any]:
        name, spec = job["metadata"]["name"], job["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        asked = container["resources"]
        for quantity in (*asked["requests"].values(), *asked.get("limits", {}).values()):
            if not _QUANTITY.fullmatch(quantity):
                raise Refused(422, "Invalid", f"{quantity} is no quantity")
        if not _NAME.fullmatch(name) or name in {pod.name for pod in self._there()}:
            raise Refused(422, "Invalid", f"{name} cannot be a job's name, or is one already")
        environment = dict(self.image)
        for variable in container["env"]:
            place = variable["valueFrom"]["secretKeyRef"]
            secret = self.secrets[self._known(place["name"], self.secrets)]
            environment[variable["name"]] = secret[self._known(place["key"], secret)]
        folder, log = self.folder / "pods" / name, self.folder / "logs" / f"{name}.log"
        for each in (folder, log.parent):
            each.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.pods.append(Pod(job, folder, log, process))
        return self.pods[-1].described()

    def _delete(self, pod: Pod) -> None:
        pod.kill()
        shutil.rmtree(pod.folder)
        pod.is_deleted = True


class _Handler(BaseHTTPRequestHandler):
    """Answers by a server's cluster, one request after the other."""

    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        code = 200
        try:
            with self.server.lock:  # type: ignore[attr-defined]
                told = self.server.cluster.answer(self.command, self.path, body)  # type: ignore[attr-defined]
        except Refused as refused:
            told, code = refused.status, refused.status["code"]
        kind = "text/plain" if isinstance(told, str) else "application/json"
        sent = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = _do  # noqa: N815 - as http.server wants

    def log_message(self, *_: object) -> None:
        """Say nothing of single requests."""


@contextlib.contextmanager
def cluster(folder: Path, image: Mapping[str, str]) -> Iterator[Cluster]:
    """Answer for a cluster until the block ends; then all its processes end.

    Parameters
    ----------
    folder
        A folder for pods and their logs, which is made.
    image
        The environment variables that the image sets.
    """
    folder.mkdir()
    made = Cluster(folder, image)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.cluster, server.lock = made, threading.Lock()  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{server.server_port}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
    made.kubeconfig.write_text(json.dumps(config), encoding="utf-8")  # YAML takes JSON
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        for pod in made.pods:
            pod.kill()
