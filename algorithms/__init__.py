"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL

_METHODS = (
    QAM,
    QAM_EDIT,
    QAM_FQL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "QAM", "QAM_EDIT", "QAM_FQL"]
