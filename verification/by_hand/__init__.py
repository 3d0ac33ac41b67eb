"""Every method's losses and policies a second time, from the papers' equations, without kernels or engines.

Agreement between backends cannot see a mistake in a method's one file; these restatements can. A new method adds a
module with its losses by update, what each metric reads, and how it acts, and a row here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import (
    bam,
    bc,
    bdpo,
    cgql,
    dac,
    dql,
    dsrl,
    edp,
    evor,
    fawac,
    fbrac,
    fedit,
    flow_actor_critic,
    fql,
    idql,
    ifql,
    iql,
    ofql,
    qam,
    qam_edit,
    qam_fql,
    qc,
    qsm,
    rebrac,
    rlpd,
    rql,
    td3_bc,
    tfql,
    trigflow,
)
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
    "bam": ByHand({"joint": bam.loss}, {"joint": bam.READS}, bam.RECORD, qam.act, qam.behave),
    "bc": ByHand({"actor": bc.loss}, {"actor": bc.READS}, bc.RECORD, bc.act, None),
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
    "cgql": ByHand({"joint": cgql.loss}, {"joint": cgql.READS}, cgql.RECORD, cgql.act, flow_actor_critic.behave),
    "cgql-linex": ByHand(
        {"joint": cgql.loss_linex},
        {"joint": cgql.NOISY_READS},
        cgql.LINEX_RECORD,
        cgql.act_noisy,
        flow_actor_critic.behave,
    ),
    "cgql-mse": ByHand(
        {"joint": cgql.loss_mse},
        {"joint": cgql.NOISY_READS},
        cgql.NOISY_RECORD,
        cgql.act_noisy,
        flow_actor_critic.behave,
    ),
    "dac": ByHand({"joint": dac.loss}, {"joint": dac.READS}, dac.RECORD, dac.act, None),
    "difql": ByHand({"joint": ifql.direct_loss}, {"joint": ifql.DIRECT_READS}, ifql.DIRECT_RECORD, ifql.act, None),
    "diql": ByHand({"joint": iql.direct_loss}, {"joint": iql.DIRECT_READS}, iql.DIRECT_RECORD, iql.act, None),
    "dql": ByHand(dql.LOSSES, dql.READS, dql.RECORD, dql.act, None),
    "dql-ddim": ByHand(dql.LOSSES, dql.READS, dql.DDIM_RECORD, dql.act_at_once, None),
    "dsrl": ByHand({"joint": dsrl.loss}, {"joint": dsrl.READS}, dsrl.RECORD, dsrl.act, flow_actor_critic.behave),
    "dtrigflow": ByHand(
        {"joint": trigflow.direct_loss}, {"joint": trigflow.DIRECT_READS}, trigflow.DIRECT_RECORD, trigflow.act, None
    ),
    "edp": ByHand(edp.LOSSES, edp.READS, edp.RECORD, edp.act, None),
    "evor": ByHand({"joint": evor.loss}, {"joint": evor.READS}, evor.RECORD, evor.act, evor.behave),
    "evor-bellman": ByHand(
        {"joint": evor.bellman_loss}, {"joint": evor.BELLMAN_READS}, evor.RECORD, evor.act, evor.behave
    ),
    "fawac": ByHand({"joint": fawac.loss}, {"joint": fawac.READS}, fawac.RECORD, flow_actor_critic.act, None),
    "fbrac": ByHand({"joint": fbrac.loss}, {"joint": fbrac.READS}, fbrac.RECORD, flow_actor_critic.act, None),
    "fedit": ByHand({"joint": fedit.loss}, {"joint": fedit.READS}, fedit.RECORD, fedit.act, flow_actor_critic.behave),
    "fql": ByHand({"joint": fql.loss}, {"joint": fql.READS}, fql.RECORD, qam_fql.act, flow_actor_critic.behave),
    "idql": ByHand(idql.LOSSES, idql.READS, idql.RECORD, idql.act, idql.behave),
    "ifql": ByHand({"joint": ifql.loss}, {"joint": ifql.READS}, ifql.RECORD, ifql.act, None),
    "iql": ByHand({"joint": iql.loss}, {"joint": iql.READS}, iql.RECORD, iql.act, None),
    "ofql": ByHand(ofql.LOSSES, ofql.READS, ofql.RECORD, ofql.act, None),
    "qam": ByHand({"joint": qam.loss}, {"joint": qam.READS}, qam.RECORD, qam.act, qam.behave),
    "qam-edit": ByHand({"joint": qam_edit.loss}, {"joint": qam_edit.READS}, qam_edit.RECORD, qam_edit.act, qam.behave),
    "qam-fql": ByHand({"joint": qam_fql.loss}, {"joint": qam_fql.READS}, qam_fql.RECORD, qam_fql.act, qam.behave),
    "qc": ByHand({"joint": qc.loss}, {"joint": qc.READS}, qc.RECORD, qc.act, qc.behave),
    "qsm": ByHand({"joint": qsm.loss}, {"joint": qsm.READS}, qsm.RECORD, qsm.act, None),
    "rebrac": ByHand(
        {"critic": rebrac.critic_loss, "actor": rebrac.actor_loss},
        {"critic": rebrac.CRITIC_READS, "actor": rebrac.ACTOR_READS},
        rebrac.RECORD,
        rebrac.act,
        None,
    ),
    "rlpd": ByHand({"joint": rlpd.loss}, {"joint": rlpd.READS}, rlpd.RECORD, rlpd.act, None),
    "rql": ByHand({"joint": rql.loss}, {"joint": rql.READS}, rql.RECORD, rql.act, None),
    "td3-bc": ByHand(
        {"critic": td3_bc.critic_loss, "actor": td3_bc.actor_loss},
        {"critic": td3_bc.CRITIC_READS, "actor": td3_bc.ACTOR_READS},
        td3_bc.RECORD,
        bc.act,
        None,
    ),
    "tfql": ByHand({"joint": tfql.loss}, {"joint": tfql.READS}, tfql.RECORD, rql.act, None),
    "trigflow": ByHand({"joint": trigflow.loss}, {"joint": trigflow.READS}, trigflow.RECORD, trigflow.act, None),
    "trigflow-ql": ByHand(
        {"joint": trigflow.pulled_loss}, {"joint": trigflow.PULLED_READS}, trigflow.PULLED_RECORD, trigflow.act, None
    ),
}
