"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .evor import EVOR, EVOR_BELLMAN
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .qc import QC

_METHODS = (
    EVOR,
    EVOR_BELLMAN,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    QC,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "EVOR", "EVOR_BELLMAN", "QAM", "QAM_EDIT", "QAM_FQL", "QC"]
