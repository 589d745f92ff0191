"""A Ray session: one that already runs somewhere, or one started here."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

from cmr.errors import CmrError


@contextlib.contextmanager
def session(address: str | None) -> Iterator[tuple[Any, str | None]]:
    """The connected ray module and its dashboard's address; disconnects at the end.

    A local Ray is started if `address` is None and RAY_ADDRESS is not set. Raises CmrError if Ray
    is not installed or the cluster does not answer.
    """
    try:
        import ray
    except ImportError:
        raise CmrError("--engine ray needs Ray: pip install '.[ray]'") from None
    if ray.is_initialized():
        yield ray, None
        return
    _knock(address)
    try:
        context = ray.init(
            address=address,
            log_to_driver=False,
            logging_level="error",
            runtime_env=_passed(address),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        hint = "" if os.environ.get("RAY_AUTH_MODE") else "; RAY_AUTH_MODE=token if it asks for one"
        raise CmrError(f"cannot reach Ray at {address or 'this machine'}: {said}{hint}") from None
    try:
        url = getattr(context, "dashboard_url", None)
        yield ray, f"http://{url}" if url else None
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise CmrError if nothing listens at host:port; Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise CmrError(f"cannot reach Ray at {address}: {error.strerror or error}") from None


def _passed(address: str | None) -> dict[str, Any] | None:
    """What workers need to find the store; each node gets secrets in its usual ways."""
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return {"env_vars": passed} if address and passed else None
