"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .bdpo import BDPO
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .rql import RQL
from .tfql import TFQL

_METHODS = (
    BDPO,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    RQL,
    TFQL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "BDPO", "QAM", "QAM_EDIT", "QAM_FQL", "RQL", "TFQL"]
