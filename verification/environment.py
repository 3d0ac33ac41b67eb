"""What a report must say about where it was made: device, driver, versions, and the precision really in force."""

import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .backends import BACKENDS

PACKAGES = (
    "veloq",
    "numpy",
    "scipy",
    "jax",
    "jaxlib",
    "optax",
    "torch",
    "optree",
    "diffrax",
    "mpmath",
    "hypothesis",
    "pytest",
)
PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = ("core", "reference", "backends", "algorithms", "verification")


def versions() -> dict[str, str]:
    """Installed versions; what is not installed says so."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def device(kind: str) -> dict[str, str]:
    """Name and driver of the device that JAX and torch compute on.

    Args:
        kind: "cpu" or "cuda".
    """
    found = {"kind": kind, "processor": _processor(), "cores": str(os.cpu_count())}
    if kind != "cuda":
        return found
    found["driver"] = _driver()
    if not BACKENDS["torch"].missing:
        import torch

        found["torch"] = f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
    if not BACKENDS["jax"].missing:
        import jax

        gpu = jax.devices("gpu")[0]
        found["jax"] = f"{gpu.device_kind}, {' '.join(gpu.client.platform_version.split())}"
    return found


def flags() -> dict[str, str]:
    """Precision and determinism as the frameworks have them set now, not as they were asked for."""
    found = {name: os.environ[name] for name in ("XLA_FLAGS", "NVIDIA_TF32_OVERRIDE") if name in os.environ}
    if not BACKENDS["jax"].missing:
        import jax

        for name in ("jax_default_matmul_precision", "jax_enable_x64", "jax_threefry_partitionable"):
            found[name] = str(getattr(jax.config, name, "not in this release"))
    if not BACKENDS["torch"].missing:
        import torch

        found["torch float32 matmul precision"] = torch.get_float32_matmul_precision()
        found["torch.backends.cuda.matmul.allow_tf32"] = str(torch.backends.cuda.matmul.allow_tf32)
        found["torch.backends.cudnn.allow_tf32"] = str(torch.backends.cudnn.allow_tf32)
        found["torch.backends.cudnn.deterministic"] = str(torch.backends.cudnn.deterministic)
        found["torch deterministic algorithms"] = str(torch.are_deterministic_algorithms_enabled())
    return found


def sources_sha256() -> str:
    """One hash over every module that states, computes or checks a kernel: what ran, whatever its version says."""
    total = hashlib.sha256()
    for path in sorted(file for folder in FOLDERS for file in (PACKAGE / folder).rglob("*.py")):
        total.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def environment(kind: str) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "versions": versions(),
        "sources_sha256": sources_sha256(),
        "platform": {"system": platform.platform(), "python": platform.python_version()},
        "device": device(kind),
        "flags": flags(),
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", listing.read_text(), re.MULTILINE) if listing.exists() else []
    return str(names[0]) if names else platform.processor() or platform.machine()


def _driver() -> str:
    listing = Path("/proc/driver/nvidia/version")
    found = re.search(r"(\d+\.\d+(?:\.\d+)?)", listing.read_text()) if listing.exists() else None
    return found.group(1) if found else "not reported by this system"
