"""The charting runtime that the page carries: Vega, Vega-Lite and Vega-Embed in one script."""

from __future__ import annotations

import functools
from importlib import metadata

from cmr import caches, kept_files

# The folder of what is kept of it: no warehouse is called so. Raise the number when what is made of
# a bundle changes.
_PLACE, _LAYOUT = "charting runtime", 1


@functools.cache
def runtime() -> str:
    """JavaScript that defines `vegaEmbed`, in the version that Altair targets.

    Bundling takes more than a second, so it is kept in the user's cache.
    """
    with caches.any_home():
        # Importing it looks for the home folder, for data sets that are not used here.
        import altair
    made_by = metadata.version("vl-convert-python")
    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    stem = f"runtime-{_LAYOUT}-{version}-{made_by}"
    for kept in kept_files.read(stem, kept_files.there(_PLACE, stem), "js"):
        return kept.decode("utf-8")
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # A backslash keeps a JavaScript string from ending the script element.
    script = script.replace("</script", "<\\/script")
    kept_files.keep(_PLACE, stem, script.encode("utf-8"), "js")
    return script
