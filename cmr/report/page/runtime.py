"""The charting runtime that the page carries: Vega, Vega-Lite and Vega-Embed in one script."""

from __future__ import annotations

import functools

from cmr import caches


@functools.cache
def runtime() -> str:
    """JavaScript that defines `vegaEmbed`, of the version that Altair writes for."""
    with caches.any_home():
        # It asks for the home as it is imported, for data sets that nobody reads here.
        import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # What would end the script element in a string of JavaScript does not, with a backslash.
    return script.replace("</script", "<\\/script")
