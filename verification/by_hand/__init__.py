"""Every method's losses and policies a second time, from the papers' equations, without kernels or engines.

Agreement between backends cannot see a mistake in a method's one file; these restatements can. A new method adds a
module with its losses by update, what each metric reads, and how it acts, and a row here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import bdpo, qam, qam_edit, qam_fql, rql, tfql
from .parts import Array, Forest, Situation
from .record import Record

Loss = Callable[[Situation], tuple[Array, dict[str, Array]]]
Act = Callable[[Any, Forest, Forest, Array, Mapping[str, Array]], Array]


class ByHand(NamedTuple):
    """One method restated.

    Attributes:
        losses: (situation) -> total and metrics, by update.
        reads: what each metric depends on with one candidate per decision, by update: networks as "online.NAME"
            or "target.NAME", fields as "batch.NAME", noise as "noise.NAME", separated by spaces.
        record: what the method's record must say.
        act: (config, parameters, averages, observations, noise) -> actions.
        behave: the same for the behaviour policy, None without one.
    """

    losses: Mapping[str, Loss]
    reads: Mapping[str, Mapping[str, str]]
    record: Record
    act: Act
    behave: Act | None


BY_HAND: Mapping[str, ByHand] = {
    "bdpo": ByHand(
        {
            "behaviour": bdpo.behaviour_loss,
            "imitation": bdpo.imitation_loss,
            "critic": bdpo.q_loss,
            "value": bdpo.value_loss,
            "actor": bdpo.actor_loss,
        },
        bdpo.READS,
        bdpo.RECORD,
        bdpo.act,
        bdpo.behave,
    ),
    "qam": ByHand({"joint": qam.loss}, {"joint": qam.READS}, qam.RECORD, qam.act, qam.behave),
    "qam-edit": ByHand({"joint": qam_edit.loss}, {"joint": qam_edit.READS}, qam_edit.RECORD, qam_edit.act, qam.behave),
    "qam-fql": ByHand({"joint": qam_fql.loss}, {"joint": qam_fql.READS}, qam_fql.RECORD, qam_fql.act, qam.behave),
    "rql": ByHand({"joint": rql.loss}, {"joint": rql.READS}, rql.RECORD, rql.act, None),
    "tfql": ByHand({"joint": tfql.loss}, {"joint": tfql.READS}, tfql.RECORD, rql.act, None),
}
