"""`cmr explore`: a page that searches the warehouse, on this machine alone."""

from __future__ import annotations

from importlib.util import find_spec

import click

from cmr.cli.known_names import one_dataset, one_model
from cmr.cli.options import Whole, query_memory_option, warehouse_option
from cmr.cli.terminal import say
from cmr.errors import CmrError
from cmr.report.languages import languages

# What the server is made of, by the names of their modules.
NEEDED = ("starlette", "uvicorn")


@click.command()
@warehouse_option
@query_memory_option
@click.option("--dataset", shell_complete=one_dataset, help="Only this data set.")
@click.option("--model", shell_complete=one_model, help="Only this model's vectors.")
@click.option(
    "--encoder",
    metavar="MODEL",
    help="What loads the model, as --model for ingest, where its name does not tell.",
)
@click.option("--pretrained", metavar="TAG", help="Weights of --encoder, as for ingest.")
@click.option(
    "--images",
    type=click.Path(exists=True),
    help="Folder, zip or tar of the pictures, if they have moved since they were ingested.",
)
@click.option(
    "--lang", type=click.Choice(languages()), default="en", show_default=True, help="Language."
)
@click.option(
    "--port",
    type=Whole(0, 65_535),
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0 for any that is free.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def explore(
    warehouse: str,
    dataset: str | None,
    model: str | None,
    port: int,
    lang: str,
    no_browser: bool,
    **opening: str | None,
) -> None:
    """Search the warehouse in a web page: a caption or a picture, two representations at once.

    The page shows the top hits of two representations or scorers side by side, with scores and how
    far each item moved; a click on an item searches the other way. The leaderboard and SQL come
    with it. What is typed or dropped is encoded by the data set's own model.

    Only this machine can open it: it listens on 127.0.0.1, and its address has a random token.
    Nothing in the warehouse is changed. Ctrl-C stops it.

    \b
    cmr explore
    cmr explore --dataset coco --port 8000 --no-browser
    cmr explore -w s3://bucket/warehouse --model ViT-B-32/openai --lang zh
    """
    from cmr import memory
    from cmr.warehouse.store import Store

    store = Store.open(warehouse, read_only=True)
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        raise CmrError(
            f"cmr explore needs {' and '.join(lacking)}, which "
            f"{'are' if len(lacking) > 1 else 'is'} not installed: pip install '.[explore]'"
        )
    from cmr.explore.open_browser import opened
    from cmr.explore.query_model import Opening
    from cmr.explore.serve import serve
    from cmr.explore.shelf import Shelf
    from cmr.report.languages import translator

    how = Opening(opening["encoder"], opening["pretrained"])
    words = translator(lang).gettext
    shelf = Shelf(store, dataset, model, how, opening["images"], words)

    def told(address: str) -> None:
        say(address)
        say("Ctrl-C stops it", err=True)
        if not no_browser:
            opened(address)

    serve(shelf, port, lang, memory.limit.get(), told)
    say("stopped", err=True)
