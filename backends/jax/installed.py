"""Imported before anything that needs the framework, so that its absence gets one clear error."""

from ...core.frameworks import require

require("jax")
