"""Faults in the methods' files: each is invisible to agreement between backends."""

from ..fault import Edit
from ..method_fault import MethodFault

LOSSES, ACTIONS, RECORD = "test_methods.test_losses", "test_methods.test_actions", "test_methods.test_record"
DEPENDENCE = "test_methods.test_dependence"


def fault(what: str, kind: str, place: str, old: str, new: str, test: str = LOSSES, method: str = "") -> MethodFault:
    """A row of the table; `place` is "module.function", seen by the module's own method unless another is named."""
    module, _, inside = place.partition(".")
    edit = Edit(old, new, inside=inside, module=module)
    return MethodFault(what, kind, method or module.replace("_", "-"), "METHOD", test, edit)


CRITIC = (
    fault(
        "the TD target reads the online critic",
        "wrong network",
        "qam.critic_loss",
        "models.target.critic(batch.next_observations",
        "models.frozen.critic(batch.next_observations",
        test=DEPENDENCE,
    ),
    fault(
        "one discount for a chunk of h steps",
        "factor",
        "qam.critic_loss",
        "config.discount**config.chunk",
        "config.discount",
    ),
    fault(
        "termination does not cut the bootstrap",
        "mask",
        "qam.critic_loss",
        "batch.masks, ",
        "K.xp.ones_like(batch.masks), ",
    ),
    fault("validity in place of the mask", "mask", "qam.critic_loss", "batch.masks, ", "batch.valid, "),
    fault(
        "discount outside the mask",
        "mask",
        "qam.critic_loss",
        "y = K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)",
        "y = K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, "
        "K.xp.ones_like(batch.masks), config.rho) * batch.masks",
    ),
    fault(
        "optimism: the sign of rho",
        "sign",
        "qam.critic_loss",
        "y = K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)",
        "y = 2.0 * K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, 0.0) "
        "- K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)",
    ),
    fault(
        "windows that leave their episode train the critic",
        "mask",
        "qam.critic_loss",
        "K.xp.square(q - y) * batch.valid",
        "K.xp.square(q - y)",
        test=DEPENDENCE,
    ),
    fault(
        "the critic's mean is over the valid windows alone",
        "mean or sum",
        "qam.critic_loss",
        "K.xp.mean(K.xp.square(q - y) * batch.valid)",
        "K.xp.mean(K.xp.square(q - y) * batch.valid) / K.xp.mean(batch.valid)",
    ),
    fault(
        "the critic's loss is summed over the ensemble",
        "mean or sum",
        "qam.critic_loss",
        "K.xp.mean(K.xp.square(q - y) * batch.valid)",
        "K.xp.mean(K.xp.sum(K.xp.square(q - y) * batch.valid, axis=0))",
    ),
    fault(
        "the next action is drawn at the current observation",
        "evaluation point",
        "qam.loss",
        "s_next = batch.next_observations",
        "s_next = batch.observations",
    ),
    fault(
        "the next action is the behaviour flow's",
        "wrong network",
        "qam.loss",
        "models.frozen.fast",
        "models.frozen.slow",
        test=DEPENDENCE,
    ),
    fault("the flow's end is not clipped", "clip", "qam.flow_action", "K.xp.clip(end, -1.0, 1.0)", "end"),
    fault(
        "the flow's start is clipped, not its end",
        "clip",
        "qam.flow_action",
        "z, config.flow_steps)\n    return K.xp.clip(end, -1.0, 1.0)",
        "K.xp.clip(z, -1.0, 1.0), config.flow_steps)\n    return end",
    ),
    fault(
        "candidates are ranked by the averaged critic",
        "wrong network",
        "qam.best",
        "models.frozen.critic",
        "models.target.critic",
        test=ACTIONS,
    ),
    fault(
        "candidates are ranked by the smallest value",
        "mean or sum",
        "qam.best",
        "K.ensemble_mean",
        "K.ensemble_min",
        test=ACTIONS,
    ),
)

FLOWS = (
    fault(
        "the behaviour flow runs backwards in time",
        "time",
        "qam.behaviour_loss",
        "(x0, batch.actions, t)",
        "(batch.actions, x0, t)",
    ),
    fault(
        "the behaviour flow learns noise minus data",
        "sign",
        "qam.behaviour_loss",
        "(v, x0, batch.actions)",
        "(v, batch.actions, x0)",
    ),
    fault("the flow is told 1 - t", "time", "qam.behaviour_loss", "x_t, t)", "x_t, 1.0 - t)"),
    fault(
        "windows that leave their episode train the flow",
        "mask",
        "qam.behaviour_loss",
        " * batch.valid",
        "",
        test=DEPENDENCE,
    ),
    fault(
        "one noise for the behaviour loss and the rollout",
        "noise",
        "qam.shared_loss",
        'noise["behaviour"]',
        'noise["sde_start"]',
        test=DEPENDENCE,
    ),
    fault(
        "the rollout follows the behaviour flow",
        "wrong network",
        "qam.adjoint_loss",
        "models.frozen.fast(s, x, t)",
        "models.frozen.slow(s, x, t)",
    ),
    fault(
        "the base is the online flow, not its average",
        "wrong network",
        "qam.adjoint_loss",
        "models.target.slow",
        "models.frozen.slow",
        test=DEPENDENCE,
    ),
    fault(
        "the base carries a gradient",
        "stop-gradient",
        "qam.adjoint_loss",
        "K.xp.mean(K.adjoint_matching_loss(v, base(xs[:-1], times), gs))",
        "K.xp.mean(K.adjoint_matching_loss(v - base(xs[:-1], times) + models.online.slow(s, xs[:-1], times) "
        "- models.frozen.slow(s, xs[:-1], times), K.xp.zeros_like(v), gs))",
    ),
    fault(
        "the terminal condition reads the online critic",
        "wrong network",
        "qam.adjoint_loss",
        "models.target.critic",
        "models.frozen.critic",
        test=DEPENDENCE,
    ),
    fault(
        "the flow descends the value",
        "sign",
        "qam.adjoint_loss",
        "terminal = K.adjoint_terminal",
        "terminal = -K.adjoint_terminal",
    ),
    fault("the temperature, not its inverse", "factor", "qam.adjoint_loss", "config.inv_temp", "1.0 / config.inv_temp"),
    fault(
        "the adjoint follows the fine-tuned flow",
        "wrong network",
        "qam.adjoint_loss",
        "K.lean_adjoint(base,",
        "K.lean_adjoint(fast,",
    ),
    fault(
        "matching at times one step late",
        "time",
        "qam.adjoint_loss",
        "i / config.flow_steps)",
        "(i + 1) / config.flow_steps)",
    ),
    fault(
        "matching at the later states",
        "evaluation point",
        "qam.adjoint_loss",
        "models.online.fast(s, xs[:-1]",
        "models.online.fast(s, xs[1:]",
    ),
    fault(
        "the matching loss is averaged over the steps",
        "mean or sum",
        "qam.adjoint_loss",
        "K.xp.mean(K.adjoint_matching_loss(v, base(xs[:-1], times), gs))",
        "K.xp.mean(K.adjoint_matching_loss(v, base(xs[:-1], times), gs)) / config.flow_steps",
    ),
    fault(
        "the matching loss is masked by validity",
        "mask",
        "qam.adjoint_loss",
        "base(xs[:-1], times), gs))",
        "base(xs[:-1], times), gs) * batch.valid)",
        test=DEPENDENCE,
    ),
    fault(
        "a loss is left out of the sum",
        "term",
        "qam.shared_loss",
        "critic_term + behaviour_term + adjoint_term",
        "critic_term + adjoint_term",
    ),
    fault(
        "the policy is the behaviour flow",
        "wrong network",
        "qam.act",
        "models.frozen.fast",
        "models.frozen.slow",
        test=ACTIONS,
    ),
    fault(
        "behaviour is the fine-tuned flow",
        "wrong network",
        "qam.behave",
        "models.frozen.slow",
        "models.frozen.fast",
        test=ACTIONS,
    ),
)

HEADS = (
    fault("the edit is not scaled", "factor", "qam_edit.edited", "config.edit_scale * delta", "delta"),
    fault(
        "the edited action is not clipped",
        "clip",
        "qam_edit.edited",
        "K.xp.clip(base + config.edit_scale * delta, -1.0, 1.0)",
        "base + config.edit_scale * delta",
    ),
    fault("log deviations are not clipped", "clip", "qam_edit.edited", "K.xp.clip(log_std, *LOG_STD_RANGE)", "log_std"),
    fault("log deviations are clipped at -5", "clip", "qam_edit.", "(-20.0, 2.0)", "(-5.0, 2.0)"),
    fault(
        "the edit descends the value", "sign", "qam_edit.edit_loss", "- value + temperature", "+ value + temperature"
    ),
    fault(
        "the entropy is penalised",
        "sign",
        "qam_edit.edit_loss",
        "K.xp.exp(log_temp) * K.xp.mean(log_prob) - value",
        "-K.xp.exp(log_temp) * K.xp.mean(log_prob) - value",
    ),
    fault(
        "the edit's value trains the critic",
        "stop-gradient",
        "qam_edit.edit_loss",
        "models.frozen.critic",
        "models.online.critic",
    ),
    fault(
        "the edit's loss trains the flow",
        "stop-gradient",
        "qam_edit.edit_loss",
        "models.frozen.fast",
        "models.online.fast",
    ),
    fault(
        "the entropy bonus trains the temperature",
        "stop-gradient",
        "qam_edit.edit_loss",
        "models.frozen.log_temp()",
        "models.online.log_temp()",
    ),
    fault(
        "the target entropy is that of Gaussian policies",
        "factor",
        "qam_edit.edit_loss",
        "-0.5 * action",
        "-1.0 * action",
    ),
    fault(
        "the flow's noise is the edit's too",
        "noise",
        "qam_edit.edit_loss",
        'base, noise["edit"])',
        'base, noise["flow"])',
        test=DEPENDENCE,
    ),
    fault(
        "the backup takes the unedited action",
        "evaluation point",
        "qam_edit.edited_action",
        "return qam.best(K, models, observations, candidates)",
        "return qam.best(K, models, observations, base)",
        test=DEPENDENCE,
    ),
    fault("the actor descends the value", "sign", "qam_fql.distill_loss", "distill - value", "distill + value"),
    fault(
        "distillation is summed over action dimensions",
        "mean or sum",
        "qam_fql.distill_loss",
        "K.xp.mean(K.xp.square(action - teacher))",
        "K.xp.mean(K.xp.sum(K.xp.square(action - teacher), axis=-1))",
    ),
    fault(
        "the student is clipped where it is compared",
        "clip",
        "qam_fql.distill_loss",
        "K.xp.square(action - teacher)",
        "K.xp.square(K.xp.clip(action, -1.0, 1.0) - teacher)",
    ),
    fault(
        "the value is taken at the unclipped action",
        "clip",
        "qam_fql.distill_loss",
        "K.xp.clip(action, -1.0, 1.0)",
        "action",
    ),
    fault(
        "the student trains its teacher",
        "stop-gradient",
        "qam_fql.distill_loss",
        "models.frozen.fast",
        "models.online.fast",
    ),
    fault(
        "the actor follows the averaged critic",
        "wrong network",
        "qam_fql.distill_loss",
        "models.frozen.critic",
        "models.target.critic",
        test=DEPENDENCE,
    ),
    fault(
        "the backup takes the flow's action",
        "wrong network",
        "qam_fql.loss",
        'actor_action(K, models, batch.next_observations, noise["next_action"])',
        "qam.best(K, models, batch.next_observations, qam.flow_action(K, config, models.frozen.fast, "
        'batch.next_observations, noise["next_action"]))',
        test=DEPENDENCE,
    ),
)

RECORDS = (
    fault(
        "the behaviour flow is not trained",
        "record",
        "qam.",
        '("critic", "slow", "fast"), clip',
        '("critic", "fast"), clip',
        test=RECORD,
    ),
    fault("the gradient is not clipped", "record", "qam.", ", clip_norm=1.0", "", test=RECORD),
    fault(
        "averages are taken after the step",
        "record",
        "qam.",
        '"critic": Average()',
        '"critic": Average("after")',
        test=RECORD,
    ),
    fault("times are normal", "record", "qam.noise", ', "uniform"', "", test=RECORD),
    fault(
        "one noise for all steps of the rollout",
        "record",
        "qam.noise",
        "config.flow_steps - 1, batch",
        "1, batch",
        test=RECORD,
    ),
)

METHOD_FAULTS = (*CRITIC, *FLOWS, *HEADS, *RECORDS)
