"""Faults in the files of BAM, FAWAC, FBRAC and FQL, and in the block that the last three share."""

from .method_rows import ACTIONS, DEPENDENCE, RECORD, fault

SHARED = (
    fault(
        "FBRAC's next action is drawn at the current observation",
        "evaluation point",
        "flow_actor_critic.backup_loss",
        "models, batch.next_observations",
        "models, batch.observations",
        method="fbrac",
    ),
    fault(
        "FBRAC's invalid windows train the flow",
        "mask",
        "flow_actor_critic.cloning_loss",
        " * batch.valid",
        "",
        test=DEPENDENCE,
        method="fbrac",
    ),
    fault(
        "FAWAC acts by the candidate of smallest worst value",
        "aggregation",
        "flow_actor_critic.policy_action",
        "K.ensemble_mean",
        "K.ensemble_min",
        test=ACTIONS,
        method="fawac",
    ),
    fault(
        "FQL's behaviour policy starts from the last noise",
        "noise",
        "flow_actor_critic.behave",
        '["z"][..., 0, :]',
        '["z"][..., -1, :]',
        test=ACTIONS,
        method="fql",
    ),
)

FBRAC = (
    fault(
        "FBRAC's value trains the critic",
        "stop-gradient",
        "fbrac.backpropagation_loss",
        "models.frozen.critic",
        "models.online.critic",
    ),
    fault(
        "FBRAC's value does not train the flow",
        "stop-gradient",
        "fbrac.backpropagation_loss",
        "models.online.flow",
        "models.frozen.flow",
    ),
    fault(
        "FBRAC ascends the averaged critic",
        "wrong network",
        "fbrac.backpropagation_loss",
        "models.frozen.critic",
        "models.target.critic",
        test=DEPENDENCE,
    ),
    fault("FBRAC multiplies the value by alpha", "factor", "fbrac.backpropagation_loss", "/ config.bc", "* config.bc"),
    fault("FBRAC descends the value", "sign", "fbrac.backpropagation_loss", "return -value", "return value"),
    fault(
        "FBRAC backpropagates through a flow that is not clipped",
        "clip",
        "fbrac.backpropagation_loss",
        "flow_action(K, models.online.flow, batch.observations, z, config.flow_steps)",
        "K.euler(lambda x, t: models.online.flow(batch.observations, x, t), z, config.flow_steps)",
    ),
    fault(
        "FBRAC starts its ascent from the noise of cloning",
        "noise",
        "fbrac.loss",
        '"policy"',
        '"behaviour"',
        DEPENDENCE,
    ),
)

FAWAC = (
    fault(
        "FAWAC's weight reads the averaged critic",
        "wrong network",
        "fawac.weighted_loss",
        "K.ensemble_mean(q)",
        "K.ensemble_mean(models.target.critic(batch.observations, batch.actions))",
        test=DEPENDENCE,
    ),
    fault(
        "FAWAC's advantage takes the smallest value",
        "aggregation",
        "fawac.weighted_loss",
        "K.ensemble_mean",
        "K.ensemble_min",
    ),
    fault(
        "FAWAC's advantage is pessimistic",
        "aggregation",
        "fawac.weighted_loss",
        "K.ensemble_mean(q)",
        "K.ensemble_lower_bound(q, config.rho)",
    ),
    fault("FAWAC's weights are capped at ten", "clip", "fawac.", "LARGEST_WEIGHT = 100.0", "LARGEST_WEIGHT = 10.0"),
    fault(
        "FAWAC's advantage is divided by tau",
        "factor",
        "fawac.weighted_loss",
        "config.inv_temp",
        "1.0 / config.inv_temp",
    ),
    fault(
        "FAWAC's weights are normalised over the batch",
        "mean or sum",
        "fawac.weighted_loss",
        "K.xp.mean(weight * errors * batch.valid)",
        "K.xp.mean(weight * errors * batch.valid) / K.xp.mean(weight)",
    ),
    fault(
        "FAWAC's value regresses to the online critic",
        "wrong network",
        "fawac.state_value_loss",
        "models.target.critic",
        "models.frozen.critic",
        test=DEPENDENCE,
    ),
    fault(
        "FAWAC's value regresses to the TD target whatever is asked",
        "evaluation point",
        "fawac.state_value_loss",
        'config.value_target == "backup"',
        "True",
        test=DEPENDENCE,
    ),
    fault(
        "FAWAC's value trains on invalid windows",
        "mask",
        "fawac.state_value_loss",
        " * batch.valid",
        "",
        test=DEPENDENCE,
    ),
    fault(
        "FAWAC's value trains by the flow's weight",
        "stop-gradient",
        "fawac.weighted_loss",
        "config.inv_temp, LARGEST_WEIGHT)",
        "config.inv_temp, LARGEST_WEIGHT) + K.stop_gradient(v) - v",
    ),
)

FQL = (
    fault(
        "FQL's backup takes the flow's action",
        "wrong network",
        "fql.loss",
        'actor_action(K, models, batch.next_observations, noise["next_action"])',
        'flow_actor_critic.policy_action(K, config, models, batch.next_observations, noise["next_action"])',
        test=DEPENDENCE,
    ),
    fault("FQL's student trains its teacher", "stop-gradient", "fql.loss", "models.frozen.flow", "models.online.flow"),
    fault(
        "FQL distils from the noise of the backup", "noise", "fql.loss", '["distill"]', '["next_action"][0]', DEPENDENCE
    ),
    fault(
        "FQL's smallest target is the mean",
        "aggregation",
        "fql.",
        '"min": smallest_target',
        '"min": pessimistic_target',
    ),
    fault(
        "FQL's smallest target reads the online critic",
        "wrong network",
        "fql.smallest_target",
        "models.target.critic",
        "models.frozen.critic",
    ),
    fault(
        "FQL's smallest target discounts a chunk once",
        "factor",
        "fql.smallest_target",
        "config.discount**config.chunk",
        "config.discount",
    ),
    fault("FQL never normalises the value", "factor", "fql.loss", "z, config.normalize_q)", "z)"),
    fault(
        "FQL's normaliser carries a gradient",
        "stop-gradient",
        "qam_fql.distill_loss",
        "K.xp.mean(K.xp.abs(K.stop_gradient(q)))",
        "K.xp.mean(K.xp.sqrt(K.xp.square(q)))",
        method="fql",
    ),
    fault(
        "FQL's flow is not trained", "record", "fql.", '("critic", "flow", "actor"))', '("critic", "actor"))', RECORD
    ),
)

BAM = (
    fault(
        "BAM's rollout carries no gradient",
        "stop-gradient",
        "bam.control_cost",
        "x = x + h * (2.0 * v",
        "x = x + h * (2.0 * K.stop_gradient(v)",
    ),
    fault(
        "BAM's base is the online flow, not its average",
        "wrong network",
        "bam.control_cost",
        "residual = v - models.target.slow",
        "residual = v - models.frozen.slow",
        test=DEPENDENCE,
    ),
    fault(
        "BAM's base does not see the state move",
        "stop-gradient",
        "bam.control_cost",
        "v - models.target.slow(s, x, t)",
        "v - models.target.slow(s, K.stop_gradient(x), t)",
    ),
    fault(
        "BAM's last step is the fine-tuned flow's",
        "wrong network",
        "bam.control_cost",
        "return x + h * models.target.slow",
        "return x + h * models.online.fast",
    ),
    fault("BAM's running cost has the step size", "factor", "bam.control_cost", "K.xp.sum(2.0 *", "K.xp.sum(2.0 * h *"),
    fault("BAM's running cost lacks its factor", "factor", "bam.control_cost", "K.xp.sum(2.0 *", "K.xp.sum(0.5 *"),
    fault(
        "BAM's drift follows the flow once",
        "factor",
        "bam.control_cost",
        "(2.0 * v - x / (t + h))",
        "(v - x / (t + h))",
    ),
    fault(
        "BAM's sigma is one step late",
        "time",
        "bam.control_cost",
        "K.memoryless_sigma(t, h)",
        "K.memoryless_sigma(t + h, h)",
    ),
    fault("BAM's noise lacks the root of the step", "factor", "bam.control_cost", "h**0.5 * sigma", "h * sigma"),
    fault(
        "BAM reads the value of the clipped action",
        "clip",
        "bam.control_loss",
        "batch.observations, end)",
        "batch.observations, K.xp.clip(end, -1.0, 1.0))",
    ),
    fault(
        "BAM ascends the averaged critic",
        "wrong network",
        "bam.control_loss",
        "models.frozen.critic",
        "models.target.critic",
        test=DEPENDENCE,
    ),
    fault(
        "BAM's end value is not pessimistic",
        "aggregation",
        "bam.control_loss",
        "K.ensemble_lower_bound(q, config.rho)",
        "K.ensemble_mean(q)",
    ),
    fault("BAM descends the value", "sign", "bam.control_loss", "cost - config", "cost + config"),
    fault("BAM's gradient is not clipped", "record", "bam.", ", clip_norm=1.0", "", RECORD),
)

FAULTS = (*SHARED, *FBRAC, *FAWAC, *FQL, *BAM)
