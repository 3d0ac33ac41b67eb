"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .dql import DQL, DQL_DDIM
from .edp import EDP
from .idql import IDQL
from .ofql import OFQL
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL

_METHODS = (
    DQL,
    DQL_DDIM,
    EDP,
    IDQL,
    OFQL,
    QAM,
    QAM_EDIT,
    QAM_FQL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "DQL", "DQL_DDIM", "EDP", "IDQL", "OFQL", "QAM", "QAM_EDIT", "QAM_FQL"]
