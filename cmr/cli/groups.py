"""A group of commands that suggests the one most like a mistaken name."""

from __future__ import annotations

import click

from cmr.suggestions import suggestion


class SuggestingGroup(click.Group):
    """As click's group, whose error for an unknown command says what may have been meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = suggestion(args[0], self.list_commands(ctx))
            error.message = f"{error.message.rstrip('.')}{meant or '.'}"  # type: ignore[misc]
            raise
