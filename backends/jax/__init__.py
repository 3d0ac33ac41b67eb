"""The kernels on JAX: fast, differentiable, traceable; what each one means is its row in core/rows."""

from . import installed  # noqa: F401, first: it raises when the framework is missing

# isort: split

import jax.numpy as xp

from .adjoint import (
    adjoint_matching_loss,
    adjoint_terminal,
    basic_adjoint,
    lean_adjoint,
    lean_adjoint_heun,
    memoryless_sde,
)
from .diffusion import (
    dac_sample,
    ddim_sample,
    ddim_step,
    ddpm_mean,
    ddpm_posterior_step,
    ddpm_sample,
    ddpm_step,
    qsm_sample,
    trigflow_sample,
    vp_denoise,
)
from .distributional import bellman_flow_target, best_of_n, flow_td_target, logsumexp_q, softmax_select
from .guidance import dac_target, guided_velocity, linex_loss, qsm_target
from .meanflow import meanflow_sample, meanflow_target
from .paths import ddpm_loss, flow_matching_loss, linear_path, trigflow_denoise, trigflow_path, vp_path
from .policies import entropy_temperature_loss, gaussian_log_prob, tanh_normal
from .routing import stop_gradient
from .schedules import logit_normal, meanflow_times, memoryless_sigma, vp_schedule
from .solvers import euler, euler_path, heun, invert_euler, midpoint, reverse_euler
from .target_actions import action_gradient, batch_normalized_target
from .value_targets import (
    advantage_weight,
    chunk_return,
    ensemble_lower_bound,
    ensemble_mean,
    ensemble_min,
    expectile_loss,
    td_target_min,
    td_target_pessimistic,
)

__all__ = [
    "action_gradient",
    "adjoint_matching_loss",
    "adjoint_terminal",
    "advantage_weight",
    "basic_adjoint",
    "batch_normalized_target",
    "bellman_flow_target",
    "best_of_n",
    "chunk_return",
    "dac_sample",
    "dac_target",
    "ddim_sample",
    "ddim_step",
    "ddpm_loss",
    "ddpm_mean",
    "ddpm_posterior_step",
    "ddpm_sample",
    "ddpm_step",
    "ensemble_lower_bound",
    "ensemble_mean",
    "ensemble_min",
    "entropy_temperature_loss",
    "euler",
    "euler_path",
    "expectile_loss",
    "flow_matching_loss",
    "flow_td_target",
    "gaussian_log_prob",
    "guided_velocity",
    "heun",
    "invert_euler",
    "lean_adjoint",
    "lean_adjoint_heun",
    "linear_path",
    "linex_loss",
    "logit_normal",
    "logsumexp_q",
    "meanflow_sample",
    "meanflow_target",
    "meanflow_times",
    "memoryless_sde",
    "memoryless_sigma",
    "midpoint",
    "qsm_sample",
    "qsm_target",
    "reverse_euler",
    "softmax_select",
    "stop_gradient",
    "tanh_normal",
    "td_target_min",
    "td_target_pessimistic",
    "trigflow_denoise",
    "trigflow_path",
    "trigflow_sample",
    "vp_denoise",
    "vp_path",
    "vp_schedule",
    "xp",
]
