"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .ifql import DIFQL, IFQL
from .iql import DIQL, IQL
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .trigflow import DTRIGFLOW, TRIGFLOW, TRIGFLOW_QL

_METHODS = (
    DIFQL,
    DIQL,
    DTRIGFLOW,
    IFQL,
    IQL,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    TRIGFLOW,
    TRIGFLOW_QL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = [
    "ALGORITHMS",
    "DIFQL",
    "DIQL",
    "DTRIGFLOW",
    "IFQL",
    "IQL",
    "QAM",
    "QAM_EDIT",
    "QAM_FQL",
    "TRIGFLOW",
    "TRIGFLOW_QL",
]
