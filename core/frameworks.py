"""Say which extra to install when a backend's framework is absent."""

from importlib import import_module

from .errors import MissingBackendError


def require(framework: str) -> None:
    """Import `framework`.

    Raises:
        MissingBackendError: it is not installed.
    """
    try:
        import_module(framework)
    except ImportError as error:
        raise MissingBackendError(
            f"veloq.backends.{framework} needs {framework}, which is not installed: pip install 'veloq[{framework}]'"
        ) from error
