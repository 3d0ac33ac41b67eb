"""Faults of the returns of action chunks and of the weights of advantages."""

from ..fault import Edit, Fault
from .reasons import ROUTED_BY_THE_ROW

FAULTS = (
    Fault(
        what="chunk_return: only the step after a terminal invalid, not those after it",
        kind="cumulative",
        kernel="chunk_return",
        caught_by="VAL-2",
        reference=Edit("max(ended, terminals[b][k])", "terminals[b][k]"),
        jax=Edit("lax.cummax(terminals[..., :-1], axis=terminals.ndim - 1)", "terminals[..., :-1]"),
        torch=Edit("ended.cummax(-1).values", "ended"),
    ),
    Fault(
        what="chunk_return: the terminal step itself invalid",
        kind="time",
        kernel="chunk_return",
        caught_by="VAL-2",
        reference=Edit(
            """valid = 1.0 - ended
            # term_k = max(term_{k-1}, terminals_k)
            ended = max(ended, terminals[b][k])""",
            """ended = max(ended, terminals[b][k])
            valid = 1.0 - ended""",
        ),
        jax=Edit("terminals[..., :-1], axis", "terminals[..., 1:], axis"),
        torch=Edit(
            "torch.cat([torch.zeros_like(terminals[..., :1]), terminals[..., :-1]], -1)",
            "torch.cat([torch.zeros_like(terminals[..., :1]), terminals[..., 1:]], -1)",
        ),
    ),
    Fault(
        what="chunk_return: discount powers one too high",
        kind="discount",
        kernel="chunk_return",
        caught_by="VAL-2",
        reference=Edit("** k", "** (k + 1)"),
        jax=Edit("jnp.arange(rewards.shape[-1])", "jnp.arange(1, rewards.shape[-1] + 1)"),
        torch=Edit("torch.arange(rewards.shape[-1],", "torch.arange(1, rewards.shape[-1] + 1,"),
    ),
    Fault(
        what="chunk_return: rewards past the terminal counted",
        kind="mask",
        kernel="chunk_return",
        caught_by="VAL-2",
        reference=Edit("* rewards[b][k] * valid", "* rewards[b][k]"),
        jax=Edit("rewards * valid, axis", "rewards, axis"),
        torch=Edit("rewards * valid)", "rewards)"),
    ),
    Fault(
        what="chunk_return: masks past the terminal counted",
        kind="mask",
        kernel="chunk_return",
        caught_by="VAL-2",
        reference=Edit("if valid:\n", "if True:\n"),
        jax=Edit("jnp.where(valid > 0, masks, jnp.inf)", "masks"),
        torch=Edit("torch.where(valid > 0, masks, masks[..., :1])", "masks"),
    ),
    Fault(
        what="chunk_return: gradient to the rewards",
        kind="stop-gradient",
        kernel="chunk_return",
        caught_by="GRAD",
        reference=None,
        jax=Edit("frozen(rewards", "arrays(rewards"),
        torch=Edit("@without_gradient\n", ""),
        absent=ROUTED_BY_THE_ROW,
    ),
    Fault(
        what="advantage_weight: large for bad actions",
        kind="sign",
        kernel="advantage_weight",
        caught_by="VAL-1",
        reference=Edit("exponent = float", "exponent = -float"),
        jax=Edit("exponent = constant", "exponent = -constant"),
        torch=Edit("exp(constant", "exp(-constant"),
    ),
    Fault(
        what="advantage_weight: the exponent capped instead of the weight",
        kind="clip",
        kernel="advantage_weight",
        caught_by="VAL-1",
        reference=Edit(
            """capped = exponent >= math.log(float(maximum))
        weight[b] = float(maximum) if capped else math.exp(exponent)""",
            "weight[b] = math.exp(min(exponent, float(maximum)))",
        ),
        jax=Edit(
            "jnp.minimum(jnp.exp(jnp.minimum(exponent, jnp.log(maximum) + 1)), maximum)",
            "jnp.exp(jnp.minimum(exponent, maximum))",
        ),
        torch=Edit(
            """torch.exp(constant(inv_temp, advantage) * advantage)
    return weight.clamp(max=constant(maximum, advantage))""",
            """constant(inv_temp, advantage) * advantage
    return torch.exp(weight.clamp(max=constant(maximum, advantage)))""",
        ),
    ),
    Fault(
        what="advantage_weight: a floor for the cap",
        kind="clip",
        kernel="advantage_weight",
        caught_by="VAL-1",
        reference=Edit(
            "float(maximum) if capped else math.exp(exponent)",
            "math.exp(min(exponent, 700.0)) if capped else float(maximum)",
        ),
        jax=Edit(
            "jnp.minimum(jnp.exp(jnp.minimum(exponent, jnp.log(maximum) + 1)), maximum)",
            "jnp.maximum(jnp.exp(exponent), maximum)",
        ),
        torch=Edit("clamp(max=", "clamp(min="),
    ),
    Fault(
        what="advantage_weight: gradient to the advantage",
        kind="stop-gradient",
        kernel="advantage_weight",
        caught_by="VAL-1",
        reference=None,
        jax=Edit("frozen(advantage)", "arrays(advantage)"),
        torch=Edit("@without_gradient\n", ""),
        absent=ROUTED_BY_THE_ROW,
    ),
    Fault(
        what="advantage_weight: the cap 20 unless told otherwise",
        kind="default",
        kernel="advantage_weight",
        caught_by="VAL-1",
        reference=Edit("= 100.0", "= 20.0"),
        jax=Edit("= 100.0", "= 20.0"),
        torch=Edit("= 100.0", "= 20.0"),
    ),
)
