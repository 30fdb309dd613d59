"""Containers on this machine: the image of workflows/containers, built and run by podman.

    python workflows/clouds/engine.py FOLDER [cpu|cuda]

builds it, as root, where Debian's packages are installed or can be. Images lie in FOLDER. What the
image begins with cannot be fetched everywhere, so that a Debian of debootstrap with its own Python
is in that place, which trusts the certificates that this machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trials import REPOSITORY, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Engine", "missing"]

_DOCKERFILE = REPOSITORY / "workflows" / "containers" / "Dockerfile"
_PACKAGES = ("podman", "runc", "debootstrap")
_INSTALL = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(_PACKAGES)}"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Processes and threads that the jobs of a user may have together.
_PROCESSES = 4096


def missing() -> str | None:
    """Tell why there can be no containers here; install podman where that is all that lacks."""
    if os.geteuid() != 0:
        return "containers of its own need root"
    if not all(shutil.which(each) for each in _PACKAGES):
        done = subprocess.run(["bash", "-c", _INSTALL], capture_output=True, check=False)
        if done.returncode:
            return f"{', '.join(_PACKAGES)} could not be installed"
    return None


@dataclass(frozen=True)
class Engine:
    """A podman with images and settings of its own.

    Attributes
    ----------
    folder
        Where images, containers and settings lie.
    """

    folder: Path

    def _environment(self) -> dict[str, str]:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # By itself podman asks for more than a root may have that cannot raise its own limits.
        limits = [f"nofile={files}:{files}", f"nproc={_PROCESSES}:{_PROCESSES}"]
        settings = {
            # Jobs reach the bucket on loopback.
            "containers.conf": '[containers]\nnetns = "host"\n'
            f"default_ulimits = {json.dumps(limits)}\n"
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
            "storage.conf": '[storage]\ndriver = "overlay"\n'
            f'graphroot = "{self.folder}/store"\nrunroot = "{self.folder}/run"\n'
            # What is mounted could not be removed with the folder.
            '[storage.options.overlay]\nskip_mount_home = "true"\n',
            "registries.conf": "unqualified-search-registries = []\n",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in settings.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return os.environ | {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
        }

    def succeeds(self, *words: str) -> bool:
        """Tell whether podman does what it is asked for."""
        run = subprocess.run(
            ["podman", *words], env=self._environment(), capture_output=True, check=False
        )
        return run.returncode == 0

    def podman(self, *words: str | Path, log: Path | None = None) -> str:
        """Run podman, and return what it printed; end the program if it fails."""
        command = ["podman", *map(str, words)]
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(log.open("wb")) if log else subprocess.PIPE
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=self._environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        text = log.read_text(encoding="utf-8") if log else done.stdout.decode()
        if done.returncode:
            raise SystemExit(f"error: {' '.join(command)}: {text.strip().splitlines()[-1]}")
        return text

    def build(self, variant: str = "cpu") -> str:
        """Build the image, but for what of it was built before, and return its name."""
        base = re.findall(r"^FROM (\S+)$", _DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)[0]
        name, base = f"localhost/basenji:{variant}", f"docker.io/library/{base}"
        there = self.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if base not in there:
            self._import(base)
        words = ("--build-arg", f"VARIANT={variant}", "--tag", name, "--file", _DOCKERFILE)
        self.podman(
            *("build", "--isolation", "chroot", "--layers", *words, "."),
            log=self.folder / f"build-{variant}.log",
        )
        self.podman("image", "prune", "--force")  # what had this name before takes 8 GB
        return name

    def _import(self, name: str) -> None:
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        with (self.folder / "debootstrap.log").open("wb") as log:
            subprocess.run(
                ["debootstrap", "--variant=minbase", packages, "bookworm", root],
                stdout=log,
                stderr=log,
                check=True,
            )
        if _CERTIFICATES.exists():
            shutil.copy(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
        (root / "etc" / "pip.conf").write_text(f"[global]\ncert = {_CERTIFICATES}\n")
        (root / "etc" / "uv").mkdir()
        (root / "etc" / "uv" / "uv.toml").write_text("native-tls = true\n")
        archive = self.folder / "root.tar"
        subprocess.run(["tar", "--directory", root, "--create", "--file", archive, "."], check=True)
        shutil.rmtree(root)
        self.podman("import", archive, name)
        archive.unlink()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Answer as Docker does until the block ends; return the address."""
        socket = self.folder / "podman.sock"
        socket.unlink(missing_ok=True)
        with (self.folder / "podman.log").open("wb") as log:
            service = subprocess.Popen(
                ["podman", "system", "service", "--time", "0", f"unix://{socket}"],
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        try:
            wait_for("podman", socket.exists)
            yield f"unix://{socket}"
        finally:
            service.terminate()
            service.wait()

    def containers(self) -> list[str]:
        """List the names of containers that run."""
        return [
            each["Names"][0]
            for each in json.loads(self.podman("ps", "--format", "json"))
            if each["State"] == "running"
        ]


def main() -> None:
    """Build the image, and run what is in it."""
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["cpu"], ["cuda"]):
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER [cpu|cuda]")
    if why := missing():
        raise SystemExit(f"no image is built: {why}")
    engine, begun = Engine(Path(sys.argv[1]).resolve()), time.monotonic()
    name = engine.build(*sys.argv[2:])
    print(f"{name} was built in {time.monotonic() - begun:.0f} s", flush=True)
    for program in ("basenji", "basenji-train", "snakemake"):
        version = engine.podman("run", "--rm", name, program, "--version").split()[-1]
        print(f"{program} {version}", flush=True)


if __name__ == "__main__":
    main()
