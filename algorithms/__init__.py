"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .bam import BAM
from .fawac import FAWAC
from .fbrac import FBRAC
from .fql import FQL
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL

_METHODS = (
    BAM,
    FAWAC,
    FBRAC,
    FQL,
    QAM,
    QAM_EDIT,
    QAM_FQL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "BAM", "FAWAC", "FBRAC", "FQL", "QAM", "QAM_EDIT", "QAM_FQL"]
