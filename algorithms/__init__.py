"""The methods, each written once against a kernel namespace K; they run on every backend."""

from ..core.algorithm import Algorithm
from .bam import BAM
from .bc import BC
from .bdpo import BDPO
from .cgql import CGQL, CGQL_LINEX, CGQL_MSE
from .dac import DAC
from .dql import DQL, DQL_DDIM
from .dsrl import DSRL
from .edp import EDP
from .evor import EVOR, EVOR_BELLMAN
from .fawac import FAWAC
from .fbrac import FBRAC
from .fedit import FEDIT
from .fql import FQL
from .idql import IDQL
from .ifql import DIFQL, IFQL
from .iql import DIQL, IQL
from .ofql import OFQL
from .qam import QAM
from .qam_edit import QAM_EDIT
from .qam_fql import QAM_FQL
from .qc import QC
from .qsm import QSM
from .rebrac import REBRAC
from .rlpd import RLPD
from .rql import RQL
from .td3_bc import TD3_BC
from .tfql import TFQL
from .trigflow import DTRIGFLOW, TRIGFLOW, TRIGFLOW_QL

_METHODS = (
    BAM,
    BC,
    BDPO,
    CGQL,
    CGQL_LINEX,
    CGQL_MSE,
    DAC,
    DIFQL,
    DIQL,
    DQL,
    DQL_DDIM,
    DSRL,
    DTRIGFLOW,
    EDP,
    EVOR,
    EVOR_BELLMAN,
    FAWAC,
    FBRAC,
    FEDIT,
    FQL,
    IDQL,
    IFQL,
    IQL,
    OFQL,
    QAM,
    QAM_EDIT,
    QAM_FQL,
    QC,
    QSM,
    REBRAC,
    RLPD,
    RQL,
    TD3_BC,
    TFQL,
    TRIGFLOW,
    TRIGFLOW_QL,
)
ALGORITHMS: dict[str, Algorithm] = {method.name: method for method in _METHODS}

__all__ = [
    "ALGORITHMS",
    "BAM",
    "BC",
    "BDPO",
    "CGQL",
    "CGQL_LINEX",
    "CGQL_MSE",
    "DAC",
    "DIFQL",
    "DIQL",
    "DQL",
    "DQL_DDIM",
    "DSRL",
    "DTRIGFLOW",
    "EDP",
    "EVOR",
    "EVOR_BELLMAN",
    "FAWAC",
    "FBRAC",
    "FEDIT",
    "FQL",
    "IDQL",
    "IFQL",
    "IQL",
    "OFQL",
    "QAM",
    "QAM_EDIT",
    "QAM_FQL",
    "QC",
    "QSM",
    "REBRAC",
    "RLPD",
    "RQL",
    "TD3_BC",
    "TFQL",
    "TRIGFLOW",
    "TRIGFLOW_QL",
]
