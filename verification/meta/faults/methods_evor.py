"""Faults in the files of QC, EVOR and EVOR-Bellman."""

from .method_rows import ACTIONS, DEPENDENCE, RECORD, fault

LONG_CHUNKS = "test_long_chunks.test_losses_on_long_chunks"

QC = (
    fault(
        "QC ranks its candidates by the averaged critic",
        "wrong network",
        "qc.best_action",
        "models.frozen.critic",
        "models.target.critic",
        test=ACTIONS,
    ),
    fault(
        "QC values the next action by the online critic",
        "wrong network",
        "qc.loss",
        "models.target.critic",
        "models.frozen.critic",
        test=DEPENDENCE,
    ),
    fault(
        "QC's target trains the critic",
        "stop-gradient",
        "qc.loss",
        "models.target.critic(s_next, next_actions)",
        "models.target.critic(s_next, next_actions) "
        "+ models.online.critic(s_next, next_actions) - models.frozen.critic(s_next, next_actions)",
    ),
    fault(
        "QC discounts a chunk as one step",
        "factor",
        "qc.loss",
        "config.discount**config.chunk",
        "config.discount",
        test=LONG_CHUNKS,
    ),
    fault("QC bootstraps past termination", "mask", "qc.loss", "* batch.masks * value", "* value"),
    fault(
        "QC's candidates start from the current observation",
        "evaluation point",
        "qc.loss",
        "models, s_next, noise",
        "models, batch.observations, noise",
    ),
    fault(
        "QC clones whole windows, not the steps inside the episode",
        "mask",
        "qc.behaviour_loss",
        "errors * batch.valid_steps",
        "errors * batch.valid[..., None]",
        test=DEPENDENCE,
    ),
    fault(
        "QC averages its cloning over valid steps alone",
        "mean or sum",
        "qc.behaviour_loss",
        "K.xp.mean(errors * batch.valid_steps)",
        "K.xp.sum(errors * batch.valid_steps) / K.xp.clip(K.xp.sum(batch.valid_steps), 1.0, None)",
        test=LONG_CHUNKS,
    ),
    fault(
        "QC takes the steps of a chunk for its dimensions",
        "axis",
        "qc.behaviour_loss",
        "errors = K.flow_matching_loss(*(K.xp.reshape(each, steps) for each in (v, x0, batch.actions)))",
        "steps = (*steps[:-2], steps[-1], steps[-2]); errors = K.flow_matching_loss(*(K.xp.moveaxis(K.xp.reshape("
        "each, steps), -1, -2) for each in (v, x0, batch.actions)))",
        test=LONG_CHUNKS,
    ),
    fault(
        "QC ranks by the smallest member where the mean is asked for",
        "mean or sum",
        "qc.best_action",
        "aggregate(K, config))",
        "K.ensemble_min)",
        test=LONG_CHUNKS,
    ),
    fault(
        "QC acts with the worst candidate",
        "sign",
        "qc.best_action",
        "aggregate(K, config))",
        "lambda q: -aggregate(K, config)(q))",
        test=ACTIONS,
    ),
)

EVOR = (
    fault(
        "EVOR's backup without discount, as eq. 19 is printed",
        "misprint",
        "evor.backup",
        "config.discount**config.chunk * batch.masks",
        "batch.masks",
    ),
    fault(
        "EVOR's backup without termination, as eq. 19 is printed",
        "misprint",
        "evor.backup",
        "config.discount**config.chunk * batch.masks",
        "config.discount**config.chunk * K.xp.ones_like(batch.masks)",
        test=DEPENDENCE,
    ),
    fault(
        "EVOR bootstraps from the online value",
        "wrong network",
        "evor.backup",
        "models.target.value",
        "models.frozen.value",
        test=DEPENDENCE,
    ),
    fault(
        "EVOR draws the return from the online model, as Algorithm 1 prints",
        "wrong network",
        "evor.loss",
        "models.target.value",
        "models.frozen.value",
        test=DEPENDENCE,
    ),
    fault(
        "EVOR's return carries a gradient",
        "stop-gradient",
        "evor.loss",
        "z1 = K.euler(here, ",
        "z1 = K.euler(field(lambda *inputs: models.target.value(*inputs) + models.online.value(*inputs) "
        "- models.frozen.value(*inputs), batch.observations, batch.actions), ",
    ),
    fault(
        "EVOR's return path runs backwards",
        "time",
        "evor.regression",
        '(noise["return_noise"], z1, t)',
        '(z1, noise["return_noise"], t)',
    ),
    fault(
        "EVOR's path starts where its return did",
        "noise",
        "evor.regression",
        'linear_path(noise["return_noise"]',
        'linear_path(noise["return_start"]',
        test=DEPENDENCE,
    ),
    fault(
        "EVOR draws the base policy's action at x",
        "evaluation point",
        "evor.backup",
        "K, models.frozen.flow, s_next",
        "K, models.frozen.flow, batch.observations",
    ),
    fault(
        "EVOR's value learns from windows that leave their episode",
        "mask",
        "evor.regression",
        "K.xp.square(v - y) * batch.valid[..., None]",
        "K.xp.square(v - y)",
        test=DEPENDENCE,
    ),
    fault(
        "EVOR's errors are spread over all pairs of samples",
        "axis",
        "evor.regression",
        "batch.valid[..., None]",
        "batch.valid",
    ),
    fault("EVOR's value has no layer norm", "record", "evor.networks", ", layer_norm=True", "", test=RECORD),
)

BELLMAN = (
    fault(
        "EVOR-Bellman regresses on the printed target",
        "misprint",
        "evor.bellman_loss",
        "K.bellman_flow_target(r, g, z, t, after)",
        "K.flow_td_target(r, g, after(z, t))",
        method="evor-bellman",
    ),
    fault(
        "EVOR-Bellman draws its return at (x, a), independent of the successor",
        "evaluation point",
        "evor.bellman_loss",
        "z1 = r + g * K.euler(after, ",
        "z1 = K.euler(field(models.target.value, batch.observations, batch.actions), ",
        test=DEPENDENCE,
        method="evor-bellman",
    ),
    fault(
        "EVOR-Bellman's return is not discounted",
        "factor",
        "evor.bellman_loss",
        "r + g * K.euler",
        "r + K.euler",
        method="evor-bellman",
    ),
    fault(
        "EVOR-Bellman discounts the reward too",
        "factor",
        "evor.bellman_loss",
        "r + g * K.euler(",
        "g * r + g * K.euler(",
        method="evor-bellman",
    ),
    fault(
        "EVOR-Bellman's target velocity without the reward",
        "term",
        "evor.bellman_loss",
        "K.bellman_flow_target(r, g",
        "K.bellman_flow_target(0.0 * r, g",
        method="evor-bellman",
    ),
)

ACTING = (
    fault(
        "EVOR acts with the averaged value",
        "wrong network",
        "evor.act",
        "models.frozen.value",
        "models.target.value",
        test=ACTIONS,
    ),
    fault(
        "EVOR's softmax over candidates without chance",
        "term",
        "evor.act",
        "q, config.action_temp, 1.0",
        "q, 0.0, 1.0",
        test=ACTIONS,
    ),
    fault(
        "EVOR's two temperatures exchanged",
        "factor",
        "evor.act",
        "K.logsumexp_q(returns[..., 0], config.return_temp, 0)",
        "K.logsumexp_q(returns[..., 0], config.action_temp, 0)",
        test=ACTIONS,
    ),
    fault(
        "EVOR's Gumbel noise has the other sign",
        "sign",
        "softmax_draw.softmax_draw",
        "gumbel = -K.xp.log",
        "gumbel = K.xp.log",
        test=ACTIONS,
        method="evor",
    ),
    fault(
        "EVOR's softmax multiplies by its temperature",
        "factor",
        "evor.act",
        "q, config.action_temp, 1.0",
        "q, 1.0 / config.action_temp, 1.0",
        test=ACTIONS,
    ),
    fault(
        "EVOR's returns are averaged, no soft value",
        "mean or sum",
        "evor.act",
        "K.logsumexp_q(returns[..., 0], config.return_temp, 0)",
        "K.xp.mean(returns[..., 0], axis=0)",
        test=ACTIONS,
    ),
)

FAULTS = (*QC, *EVOR, *BELLMAN, *ACTING)
