"""The errata of the five papers as data: what is said, what is right, and the numbers that show it."""

from . import doal, evor, ofql, qam, qam_baselines, qam_guidance, qam_protocol, rql
from .row import KINDS, Erratum, Measured

PAPERS = {
    "QAM": (*qam.ROWS, *qam_baselines.ROWS, *qam_guidance.ROWS, *qam_protocol.ROWS),
    "DOAL": doal.ROWS,
    "RQL": rql.ROWS,
    "OFQL": ofql.ROWS,
    "EVOR": evor.ROWS,
}
ROWS: tuple[Erratum, ...] = tuple(row for rows in PAPERS.values() for row in rows)

__all__ = ["KINDS", "PAPERS", "ROWS", "Erratum", "Measured"]
