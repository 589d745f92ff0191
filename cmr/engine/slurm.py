"""Batch scripts for Slurm: one job, a job array of shards, or a Ray cluster over the allocation.

Slurm does the scheduling, requeueing and ordering; cmr only writes its commands into the script.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmr.errors import CmrError

MODES = ("array", "ray", "job")


@dataclass(frozen=True)
class Resources:
    """What a job requests from Slurm; None and empty leave it to the site's defaults.

    `cpus`, `gpus`: per task; `nodes`: of a Ray cluster. `more`: further sbatch options, verbatim.
    """

    name: str = "cmr"
    cpus: int = 1
    gpus: int = 0
    nodes: int = 1
    memory: str | None = None
    time: str | None = None
    partition: str | None = None
    account: str | None = None
    logs: str = "."
    more: Sequence[str] = ()


@dataclass(frozen=True)
class Environment:
    """How a job finds `cmr`: modules to load, and a virtual or conda environment."""

    modules: Sequence[str] = ()
    venv: str | None = None
    conda: str | None = None

    def lines(self) -> list[str]:
        """Shell commands."""
        found = []
        if self.modules:
            found.append("module load " + " ".join(map(shlex.quote, self.modules)))
        if self.venv:
            found.append(f"source {shlex.quote(str(Path(self.venv).absolute()))}/bin/activate")
        if self.conda:
            found += [
                'eval "$(conda shell.bash hook)"',
                f"conda activate {shlex.quote(self.conda)}",
            ]
        # Activation scripts are not written for `set -u`.
        return [*found, "set -u"]


def this_environment(env: Mapping[str, str] = os.environ) -> Environment:
    """The environment that cmr is running in: conda, virtual, or neither."""
    if env.get("CONDA_PREFIX") and sys.prefix == env["CONDA_PREFIX"]:
        return Environment(conda=env.get("CONDA_DEFAULT_ENV") or env["CONDA_PREFIX"])
    if sys.prefix != sys.base_prefix and (Path(sys.prefix) / "bin" / "activate").is_file():
        return Environment(venv=sys.prefix)
    return Environment()


@dataclass(frozen=True)
class Script:
    """A batch script and how to submit it: one sbatch call per step, each after the previous one.

    `steps`: (what it is, further arguments for sbatch).
    """

    text: str
    steps: Sequence[tuple[str, Sequence[str]]] = field(default=(("job", ()),))


def make_script(
    mode: str, command: Sequence[str], resources: Resources, environment: Environment, shards: int
) -> Script:
    """The script that runs `cmr COMMAND`. Raises CmrError for what cannot run this way."""
    if not command:
        raise CmrError("say which command to run, such as cmr slurm evaluate --dataset coco")
    if mode == "array":
        return _array(command, resources, environment, shards)
    if mode == "ray":
        return _ray(command, resources, environment)
    return Script(_joined(resources, [], environment, [f"exec {_cmr(command)}"]))


def _array(
    command: Sequence[str], resources: Resources, environment: Environment, shards: int
) -> Script:
    if command[0] != "evaluate":
        raise CmrError(f"a job array is for evaluate; cmr {command[0]} runs with --mode job or ray")
    taken = {"--shard", "--merge", "--prepare", "--engine"}.intersection(
        word.partition("=")[0] for word in command
    )
    if taken:
        raise CmrError(f"leave out {' and '.join(sorted(taken))}: the script sets it itself")
    run = _cmr(command)
    steps: list[tuple[str, list[str]]] = [
        ("prepare", ["--array=0", "--export=ALL,CMR_PART=prepare"]),
        ("count", []),
        ("merge", ["--array=0", "--export=ALL,CMR_PART=merge"]),
    ]
    notes = [
        "# Submit it three times, each after the previous one has succeeded:",
        "#   a=$(sbatch --parsable --array=0 --export=ALL,CMR_PART=prepare FILE)",
        "#   b=$(sbatch --parsable --dependency=afterok:$a FILE)",
        "#   sbatch --array=0 --export=ALL,CMR_PART=merge --dependency=afterok:$b FILE",
        "# What is already counted is not counted again, so all of it can be submitted again.",
    ]
    body = [
        'case "${CMR_PART:-shard}" in',
        f"prepare) exec {run} --prepare ;;",
        f"merge) exec {run} --merge ;;",
        f'*) exec {run} --shard "$SLURM_ARRAY_TASK_ID/{shards}" ;;',
        "esac",
    ]
    options = [f"--array=0-{shards - 1}", "--requeue"]
    return Script(_joined(resources, options, environment, body, notes), steps)


def _ray(command: Sequence[str], resources: Resources, environment: Environment) -> Script:
    if command[0] not in ("evaluate", "ingest"):
        raise CmrError(f"cmr {command[0]} has no --engine ray; run it with --mode job")
    gpus = f" --num-gpus={resources.gpus}" if resources.gpus else ""
    start = f"--num-cpus={resources.cpus}{gpus} --block"
    run = _cmr(command)
    body = [
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        "port=$((20000 + SLURM_JOB_ID % 10000))",
        "# Other users of these nodes must not reach this job's Ray.",
        "export RAY_AUTH_MODE=token",
        "export RAY_AUTH_TOKEN=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')",
        "# Slurm ends these steps with the job. `ray stop` would end other jobs' Ray, too.",
        'srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \\',
        f'    ray start --head --port="$port" {start} &',
        'for _ in $(seq 300); do (: < "/dev/tcp/$head/$port") 2> /dev/null && break; sleep 1; done',
    ]
    if resources.nodes > 1:
        others = resources.nodes - 1
        body += [
            f'srun --overlap --nodes={others} --ntasks={others} --exclude="$head" \\',
            f'    ray start --address="$head:$port" {start} &',
        ]
    body.append(f'{run} --engine ray --ray-address "$head:$port"')
    options = [f"--nodes={resources.nodes}", "--ntasks-per-node=1"]
    return Script(_joined(resources, options, environment, body))


def _cmr(command: Sequence[str]) -> str:
    return "cmr " + shlex.join(command)


def _joined(
    resources: Resources,
    options: Sequence[str],
    environment: Environment,
    body: Sequence[str],
    notes: Sequence[str] = (),
) -> str:
    logs = f"{resources.logs.rstrip('/')}/%x-%A_%a.log" if "--array" in str(options) else None
    asked = [
        f"--job-name={resources.name}",
        f"--output={logs or resources.logs.rstrip('/') + '/%x-%j.log'}",
        f"--cpus-per-task={resources.cpus}",
        *options,
    ]
    if resources.gpus:
        asked.append(f"--gpus-per-node={resources.gpus}")
    for flag, value in (
        ("mem", resources.memory),
        ("time", resources.time),
        ("partition", resources.partition),
        ("account", resources.account),
    ):
        if value:
            asked.append(f"--{flag}={value}")
    asked += resources.more
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in asked),
        *notes,
        "set -eo pipefail",
        *environment.lines(),
        *body,
    ]
    return "\n".join(lines) + "\n"


def submit(script: Script) -> list[tuple[str, str]]:
    """Submit a script to sbatch step by step; returns (step, job id).

    Raises CmrError with sbatch's own reason, after cancelling the steps already submitted.
    """
    if shutil.which("sbatch") is None:
        raise CmrError("there is no sbatch here; leave out --submit to print the script")
    jobs: list[tuple[str, str]] = []
    with tempfile.NamedTemporaryFile("w", suffix=".sbatch") as file:
        file.write(script.text)
        file.flush()
        for step, arguments in script.steps:
            after = []
            if jobs:
                after = [f"--dependency=afterok:{jobs[-1][1]}", "--kill-on-invalid-dep=yes"]
            done = subprocess.run(
                ["sbatch", "--parsable", *arguments, *after, file.name],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                for _, job in jobs:
                    subprocess.run(["scancel", job], check=False)
                said = re.sub(r"^sbatch: (error: )?", "", done.stderr.strip().splitlines()[-1])
                raise CmrError(f"sbatch refused the {step}: {said}")
            jobs.append((step, done.stdout.strip().partition(";")[0]))
    return jobs
