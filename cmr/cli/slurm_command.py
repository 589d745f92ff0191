"""`cmr slurm`: the same command as a batch job."""

from __future__ import annotations

from typing import Any

import click

from cmr.cli.options import Whole, Word
from cmr.cli.terminal import say
from cmr.pipeline.option_values import Choice

_POSITIVE = Whole(1, 10**6)


def _modes() -> tuple[str, ...]:
    from cmr.engine.slurm import MODES

    return MODES


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--mode",
    type=Word(Choice(_modes)),
    help="array: shards, without Ray; ray: a Ray cluster on the allocation; job: the command "
    "unchanged.  [default: array for evaluate, else job]",
)
@click.option(
    "--shards", type=_POSITIVE, default=8, show_default=True, help="Shards of the job array."
)
@click.option(
    "--nodes", type=_POSITIVE, default=1, show_default=True, help="Nodes of the Ray cluster."
)
@click.option("--cpus", type=_POSITIVE, default=1, show_default=True, help="Cores of each task.")
@click.option(
    "--gpus", type=Whole(0, 10**6), default=0, show_default=True, help="GPUs of each task."
)
@click.option("--memory", help="Memory of each node, such as 32G.")
@click.option("--time", help="Time limit, such as 02:00:00.")
@click.option("--partition", help="Slurm's partition.")
@click.option("--account", help="Slurm's account.")
@click.option("--name", default="cmr", show_default=True, help="Name of the job.")
@click.option("--logs", default=".", show_default=True, help="Folder of the jobs' logs.")
@click.option("--sbatch", "more", multiple=True, help="Any sbatch option, such as --qos=long.")
@click.option("--module", "modules", multiple=True, help="Module to load; may be repeated.")
@click.option("--venv", help="Virtual environment to activate.")
@click.option("--conda", help="conda environment to activate, such as cmr.")
@click.option("--submit", "send", is_flag=True, help="Also submit it.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def slurm(
    mode: str | None,
    shards: int,
    modules: tuple[str, ...],
    venv: str | None,
    conda: str | None,
    send: bool,
    command: tuple[str, ...],
    **asked: Any,
) -> None:
    """Print the sbatch script for a cmr command, and with --submit submit it.

    Options of slurm come before the command, the command's own after it. Without --module, --venv
    or --conda the job uses the environment that cmr runs in now. The nodes must be able to reach
    the warehouse: a shared folder, or an object store.

    \b
    cmr slurm --shards 64 --cpus 8 evaluate -w s3://lab/w --dataset coco > coco.sbatch
    cmr slurm --submit --conda cmr --shards 64 evaluate -w s3://lab/w --dataset coco
    cmr slurm --submit --mode ray --nodes 4 --cpus 16 --gpus 4 ingest coco -w s3://lab/w …
    """
    from cmr.engine.slurm import Environment, Resources, make_script, submit, this_environment

    chosen = mode or ("array" if command[:1] == ("evaluate",) else "job")
    environment = Environment(modules, venv, conda)
    if not (venv or conda):
        now = this_environment()
        environment = Environment(modules, now.venv, now.conda) if not modules else environment
    script = make_script(chosen, command, Resources(**asked), environment, shards)
    click.echo(script.text, nl=False)
    if send:
        for step, job in submit(script):
            say(f"submitted {step}: job {job}", err=True)
