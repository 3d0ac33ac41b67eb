"""The main kernels as a user would write them in PyTorch: eager, no argument checks, no care for edges."""

import math
from typing import Any

import torch
from torch import Tensor


def _time(x: Tensor, t: float) -> Tensor:
    return torch.full((*x.shape[:-1], 1), t, dtype=x.dtype, device=x.device)


def euler(field: Any, x: Tensor, steps: int) -> Tensor:
    """A loop over the steps."""
    for i in range(steps):
        x = x + field(x, _time(x, i / steps)) / steps
    return x


@torch.no_grad()
def memoryless_sde(field: Any, last_field: Any, x0: Tensor, noises: Tensor) -> Tensor:
    """A loop over the noisy steps, then the last one."""
    steps = len(noises) + 1
    h = 1 / steps
    x, xs = x0, [x0]
    for i, noise in enumerate(noises):
        t = i * h
        sigma = math.sqrt(2 * (1 - t + h) / (t + h))
        x = x + h * (2 * field(x, _time(x, t)) - x / (t + h)) + math.sqrt(h) * sigma * noise
        xs.append(x)
    xs.append(x + h * last_field(x, _time(x, 1 - h)))
    return torch.stack(xs)


def lean_adjoint(base: Any, xs: Tensor, terminal: Tensor) -> Tensor:
    """A reversed loop of autograd calls."""
    steps = len(xs) - 1
    h = 1 / steps
    g, gs = terminal, [terminal]
    for i in reversed(range(steps)):
        t = i * h
        x = xs[i].detach().requires_grad_()
        drift = 2 * base(x, _time(x, t + h)) - x / (t + h)
        g = g + h * torch.autograd.grad(drift, x, g)[0]
        gs.append(g)
    return torch.stack(gs[::-1])


def adjoint_matching_loss(v: Tensor, v_base: Tensor, gs: Tensor) -> Tensor:
    """One expression."""
    steps = len(v)
    h = 1 / steps
    t = (torch.arange(steps, device=v.device) * h).reshape(-1, *(1,) * (v.ndim - 1))
    sigma = torch.sqrt(2 * (1 - t + h) / (t + h))
    return ((2 * (v - v_base) / sigma + sigma * gs[:-1]) ** 2).sum((0, -1))


@torch.no_grad()
def meanflow_target(u: Any, x_t: Tensor, v: Tensor, t: Tensor, r: Tensor) -> Tensor:
    """One Jacobian-vector product."""
    derivative: Tensor = torch.func.jvp(u, (x_t, t, r), (v, torch.ones_like(t), torch.zeros_like(r)))[1]
    return v + (r - t) * derivative


@torch.no_grad()
def td_target_pessimistic(q_next: Tensor, reward: Tensor, discount: float, mask: Tensor, rho: float) -> Tensor:
    """One expression."""
    return reward + discount * mask * (q_next.mean(0) - rho * q_next.std(0, unbiased=False))


@torch.no_grad()
def flow_td_target(reward: Tensor, discount: Tensor, s_next: Tensor) -> Tensor:
    """One expression."""
    return reward + discount * s_next


def ddpm_step(
    denoised: Tensor, x: Tensor, noise: Tensor, beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor
) -> Tensor:
    """Mean of the conditional law, as Ho et al. print it, and noise."""
    mean = torch.sqrt(alpha_bar_next) * beta * denoised + torch.sqrt(1 - beta) * (1 - alpha_bar_next) * x
    return mean / (1 - alpha_bar) + torch.sqrt(beta) * noise


def ddim_step(denoised: Tensor, x: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    """Predicted noise, then the other level."""
    epsilon = (x - torch.sqrt(alpha_bar) * denoised) / torch.sqrt(1 - alpha_bar)
    return torch.sqrt(alpha_bar_next) * denoised + torch.sqrt(1 - alpha_bar_next) * epsilon


def best_of_n(candidates: Tensor, q: Tensor) -> Tensor:
    """Argmax and gather."""
    index = q.argmax(0)[None, ..., None].expand(1, *candidates.shape[1:])
    return candidates.gather(0, index)[0]


def expectile_loss(diff: Tensor, kappa: Any) -> Tensor:
    """One expression."""
    return torch.where(diff > 0, kappa, 1 - kappa) * diff**2
