"""`cmr completion`: the script that completes commands and options in a shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    cmr completion bash >> ~/.bashrc
    cmr completion zsh >> ~/.zshrc
    cmr completion fish > ~/.config/fish/completions/cmr.fish
    """
    from click.shell_completion import get_completion_class

    from cmr.cli.main import main

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "cmr", "_CMR_COMPLETE").source())
