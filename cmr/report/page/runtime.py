"""The charting runtime that the page carries: Vega, Vega-Lite and Vega-Embed in one script."""

from __future__ import annotations

import functools

from cmr import caches


@functools.cache
def runtime() -> str:
    """JavaScript that defines `vegaEmbed`, in the version that Altair targets."""
    with caches.any_home():
        # Importing it looks for the home folder, for data sets that are not used here.
        import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # A backslash keeps a JavaScript string from ending the script element.
    return script.replace("</script", "<\\/script")
