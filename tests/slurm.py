"""A real Slurm of one node on loopback, from the distribution's packages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.stores import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
CONFIG = """
ClusterName=cmr
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=100000
KillWait=2
MinJobAge=600
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Starts munged, slurmctld and slurmd; gives a function that waits for jobs to end."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs Slurm: no {', '.join(missing)} (apt-get install slurm-wlm munge)")
    if os.geteuid() != 0:
        pytest.skip("needs to be root to start slurmd")
    folder = tmp_path_factory.mktemp("slurm")
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(host=host, folder=folder, controller=free_port(), node=free_port())
    )
    (folder / "cgroup.conf").write_text("")
    env = {**os.environ, "SLURM_CONF": str(config)}
    commands = (
        ["munged", "--foreground", "--force", f"--key-file={key}",
         f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
         f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"],
        ["slurmctld", "-D", "-i", "-f", str(config)],
        ["slurmd", "-D", "-N", host, "-f", str(config)],
    )  # fmt: skip
    running = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("w") as out:
                running.append(
                    subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
                )
            time.sleep(1)
        _until_idle(env, folder)
        os.environ["SLURM_CONF"] = str(config)
        yield lambda seconds=120: _until_empty(env, seconds)
    finally:
        os.environ.pop("SLURM_CONF", None)
        for process in reversed(running):
            process.terminate()
            process.wait()


def _until_idle(env: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + 30
    while True:
        found = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=env, capture_output=True, text=True, check=False
        )
        if found.stdout.strip() == "idle":
            return
        if time.monotonic() > until:
            logs = "\n".join(path.read_text()[-800:] for path in folder.glob("slurm*.log"))
            pytest.skip(f"Slurm does not start here: {found.stdout}{found.stderr}\n{logs}")
        time.sleep(0.3)


def _until_empty(env: dict[str, str], seconds: float) -> None:
    until = time.monotonic() + seconds
    while subprocess.run(
        ["squeue", "-h"], env=env, capture_output=True, text=True, check=True
    ).stdout.strip():
        assert time.monotonic() < until, "the jobs do not end"
        time.sleep(0.5)
