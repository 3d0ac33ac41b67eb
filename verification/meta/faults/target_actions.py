"""Faults of DOAL's action gradient and of its normalised target."""

from ..fault import Edit, Fault
from .reasons import REAL_RESULTS

FAULTS = (
    Fault(
        what="action_gradient: down the value",
        kind="sign",
        kernel="action_gradient",
        caught_by="DOAL-1",
        reference=Edit("return jacobian(", "return -jacobian("),
        jax=Edit("jnp.ones(", "-jnp.ones("),
        torch=Edit("return q.sum()", "return -q.sum()"),
    ),
    Fault(
        what="action_gradient: the aggregate passed over, the sum of members",
        kind="mean and sum",
        kernel="action_gradient",
        caught_by="DOAL-1",
        reference=Edit("aggregate, a.shape[:-1], q)", "lambda q: q.sum(0), a.shape[:-1], q)"),
        jax=Edit('aggregate(values("action_gradient", critic, a))', 'values("action_gradient", critic, a).sum(0)'),
        torch=Edit(
            'aggregate(critic_values("action_gradient", critic, action))',
            'critic_values("action_gradient", critic, action).sum(0)',
        ),
    ),
    Fault(
        what="action_gradient: gradient of the batch's mean, 1/B of each sample's",
        kind="mean and sum",
        kernel="action_gradient",
        caught_by="DOAL-1",
        reference=Edit("[..., 0, :]", "[..., 0, :] / max(1, a[..., 0].size)"),
        jax=Edit("jnp.ones(a.shape[:-1], a.dtype)", "jnp.ones(a.shape[:-1], a.dtype) / max(1, a[..., 0].size)"),
        torch=Edit("q.sum()", "q.mean()"),
    ),
    Fault(
        what="action_gradient: divided by each sample's norm",
        kind="norm",
        kernel="action_gradient",
        caught_by="DOAL-1",
        reference=Edit(
            "return jacobian(value, a)[..., 0, :]",
            "slope = jacobian(value, a)[..., 0, :]\n    return slope / np.linalg.norm(slope, axis=-1, keepdims=True)",
        ),
        jax=Edit(
            "return lax.stop_gradient(pullback(value, a, jnp.ones(a.shape[:-1], a.dtype)))",
            "slope = lax.stop_gradient(pullback(value, a, jnp.ones(a.shape[:-1], a.dtype)))\n"
            "    return slope / jnp.linalg.norm(slope, axis=-1, keepdims=True)",
        ),
        torch=Edit("return grad", "return grad / grad.norm(dim=-1, keepdim=True)"),
    ),
    Fault(
        what="action_gradient: gradient to the critic's parameters",
        kind="stop-gradient",
        kernel="action_gradient",
        caught_by="GRAD",
        reference=None,
        jax=Edit("lax.stop_gradient(", "jnp.asarray("),
        torch=Edit("@without_gradient\n", ""),
        absent=REAL_RESULTS,
    ),
    Fault(
        what="batch_normalized_target: down the gradient",
        kind="sign",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("a + float(delta)", "a - float(delta)"),
        jax=Edit("a + constant", "a - constant"),
        torch=Edit("a + constant", "a - constant"),
    ),
    Fault(
        what="batch_normalized_target: root of the mean squared norm",
        kind="norm",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("sum(norms) / len(norms)", "math.sqrt(sum(norm**2 for norm in norms) / len(norms))"),
        jax=Edit(
            "jnp.mean(jnp.linalg.norm(direction, axis=-1))",
            "jnp.sqrt(jnp.mean(jnp.square(jnp.linalg.norm(direction, axis=-1))))",
        ),
        torch=Edit(
            "torch.linalg.vector_norm(direction, dim=-1).mean()",
            "torch.linalg.vector_norm(direction, dim=-1).square().mean().sqrt()",
        ),
    ),
    Fault(
        what="batch_normalized_target: mean of the squared norm, as DOAL prints it",
        kind="misprint",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("sum(norms) / len(norms)", "sum(norm**2 for norm in norms) / len(norms)"),
        jax=Edit("jnp.mean(jnp.linalg.norm(direction, axis=-1))", "jnp.mean(jnp.sum(direction * direction, axis=-1))"),
        torch=Edit("torch.linalg.vector_norm(direction, dim=-1).mean()", "direction.square().sum(-1).mean()"),
    ),
    Fault(
        what="batch_normalized_target: each sample by its own norm",
        kind="reduction",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit(
            "(grad / mean_norm)",
            "(grad / np.where(grad.any(-1), np.linalg.norm(grad, axis=-1), 1.0)[..., None])",
        ),
        jax=Edit("jnp.mean(jnp.linalg.norm(direction, axis=-1))", "jnp.linalg.norm(direction, axis=-1, keepdims=True)"),
        torch=Edit(
            "torch.linalg.vector_norm(direction, dim=-1).mean()",
            "torch.linalg.vector_norm(direction, dim=-1, keepdim=True)",
        ),
    ),
    Fault(
        what="batch_normalized_target: delta times the gradient itself",
        kind="norm",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("(grad / mean_norm)", "grad"),
        jax=Edit("(direction / _nonzero(mean_norm))", "grad"),
        torch=Edit("(direction / _nonzero(norm))", "grad"),
    ),
    Fault(
        what="batch_normalized_target: sum of the batch's norms",
        kind="mean and sum",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("sum(norms) / len(norms)", "sum(norms)"),
        jax=Edit("jnp.mean(", "jnp.sum("),
        torch=Edit(".mean()", ".sum()"),
    ),
    Fault(
        what="batch_normalized_target: norm of the whole batch instead of each sample's",
        kind="reduction",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("sum(norms) / len(norms)", "math.hypot(*norms)"),
        jax=Edit("jnp.linalg.norm(direction, axis=-1)", "jnp.linalg.norm(jnp.ravel(direction))"),
        torch=Edit("torch.linalg.vector_norm(direction, dim=-1)", "torch.linalg.vector_norm(direction)"),
    ),
    Fault(
        what="batch_normalized_target: target clipped to [-1, 1]",
        kind="clip",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit(
            "a + float(delta) * (grad / mean_norm)", "np.clip(a + float(delta) * (grad / mean_norm), -1, 1)"
        ),
        jax=Edit(
            "a + constant(delta, a) * (direction / _nonzero(mean_norm))",
            "jnp.clip(a + constant(delta, a) * (direction / _nonzero(mean_norm)), -1, 1)",
        ),
        torch=Edit(
            "a + constant(delta, a) * (direction / _nonzero(norm))",
            "(a + constant(delta, a) * (direction / _nonzero(norm))).clamp(-1, 1)",
        ),
    ),
    Fault(
        what="batch_normalized_target: 0/0 for a batch without any gradient",
        kind="boundary",
        kernel="batch_normalized_target",
        caught_by="DOAL-2",
        reference=Edit("if mean_norm == 0.0", "if not norms"),
        jax=Edit("_nonzero(mean_norm)", "mean_norm"),
        torch=Edit("_nonzero(norm)", "norm"),
    ),
    Fault(
        what="batch_normalized_target: gradient to the action",
        kind="stop-gradient",
        kernel="batch_normalized_target",
        caught_by="GRAD",
        reference=None,
        jax=Edit("a, grad = frozen(a, grad)", "(grad,) = frozen(grad)"),
        torch=Edit("@without_gradient\n", ""),
        absent=REAL_RESULTS,
    ),
)
