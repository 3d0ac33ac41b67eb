"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .bam import BAM
from .bc import BC
from .fawac import FAWAC
from .fbrac import FBRAC
from .fql import FQL
from .dql import DQL, DQL_DDIM
from .edp import EDP
from .idql import IDQL
from .ofql import OFQL
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .rebrac import REBRAC
from .rlpd import RLPD
from .td3_bc import TD3_BC

_METHODS = (
    BAM,
    FAWAC,
    FBRAC,
    FQL,
    BC,
    DQL,
    DQL_DDIM,
    EDP,
    IDQL,
    OFQL,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    REBRAC,
    RLPD,
    TD3_BC,
from .cgql import CGQL, CGQL_LINEX, CGQL_MSE
from .dac import DAC
from .dsrl import DSRL
from .fedit import FEDIT
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .qsm import QSM

_METHODS = (
    CGQL,
    CGQL_LINEX,
    CGQL_MSE,
    DAC,
    DSRL,
    FEDIT,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    QSM,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = ["ALGORITHMS", "BAM", "FAWAC", "FBRAC", "FQL", "QAM", "QAM_EDIT", "QAM_FQL"]
__all__ = ["ALGORITHMS", "BC", "QAM", "QAM_EDIT", "QAM_FQL", "REBRAC", "RLPD", "TD3_BC"]
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
__all__ = ["ALGORITHMS", "DQL", "DQL_DDIM", "EDP", "IDQL", "OFQL", "QAM", "QAM_EDIT", "QAM_FQL"]
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
