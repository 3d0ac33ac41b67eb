"""Faults of the diffusion's samplers: what is clipped when, which noise belongs to which step, TrigFlow's angles."""

from ..fault import Edit, Fault
from .reasons import ROUTED_BY_THE_ROW

FAULTS = (
    Fault(
        what="dac_sample: noise at i = 1 and none at i = T",
        kind="time",
        kernel="dac_sample",
        caught_by="VP-1",
        reference=Edit("noises[T - i] if i > 1", "noises[T - i - 1] if i < T", inside="_ancestral"),
        jax=Edit(
            "[noises, jnp.zeros((1, *x.shape), x.dtype)]",
            "[jnp.zeros((1, *x.shape), x.dtype), noises]",
            inside="_sample",
        ),
        torch=Edit(
            "if i > 1:\n            x = x + beta[i - 1].sqrt() * noises[steps - i]",
            "if i < steps:\n            x = x + beta[i - 1].sqrt() * noises[steps - i - 1]",
        ),
    ),
    Fault(
        what="dac_sample: the data estimate not clipped",
        kind="clip",
        kernel="dac_sample",
        caught_by="VP-1",
        reference=Edit("denoised = clipped(", "denoised = (", inside="_ancestral"),
        jax=Edit("jnp.clip(denoised, -1, 1)", "denoised"),
        torch=Edit(".clamp(-1, 1)", ""),
    ),
    Fault(
        what="dac_sample: x clipped after each step instead of the estimate before",
        kind="clip",
        kernel="dac_sample",
        caught_by="VP-1",
        reference=Edit(
            """clipped(entrywise(denoise_entry, (epsilon, x), (at_time(x, level),)))
        # x_{i-1} from x̂ and x_i
        levels = (at_time(x, beta[i - 1]), at_time(x, level), at_time(x, level_next))
        x = entrywise(step, (denoised, x, noise), levels)""",
            """entrywise(denoise_entry, (epsilon, x), (at_time(x, level),))
        levels = (at_time(x, beta[i - 1]), at_time(x, level), at_time(x, level_next))
        x = clipped(entrywise(step, (denoised, x, noise), levels))""",
            inside="_ancestral",
        ),
        jax=Edit(
            "_step(jnp.clip(denoised, -1, 1), x, noise, beta, alpha_bar, alpha_bar_next)",
            "jnp.clip(_step(denoised, x, noise, beta, alpha_bar, alpha_bar_next), -1, 1)",
        ),
        torch=Edit(
            """.clamp(-1, 1)
        x = _posterior_mean(denoised, x, beta[i - 1], alpha_bar[i], alpha_bar[i - 1])
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]""",
            """
        x = _posterior_mean(denoised, x, beta[i - 1], alpha_bar[i], alpha_bar[i - 1])
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]
        x = x.clamp(-1, 1)""",
        ),
    ),
    Fault(
        what="dac_sample: the exact conditional variance, as DQL takes it",
        kind="variance",
        kernel="dac_sample",
        caught_by="VP-1",
        reference=Edit("step_entry", "posterior_entry"),
        jax=Edit("return _step(", "return _posterior_step("),
        torch=Edit("beta[i - 1].sqrt()", "_posterior_std(beta[i - 1], alpha_bar[i], alpha_bar[i - 1])"),
    ),
    Fault(
        what="dac_sample: gradient to the schedule's ends",
        kind="stop-gradient",
        kernel="dac_sample",
        caught_by="GRAD",
        reference=None,
        jax=Edit(
            "constant(b_min, like), constant(b_max, like)",
            "jnp.asarray(b_min, like.dtype), jnp.asarray(b_max, like.dtype)",
            inside="schedule",
            module="schedules",
        ),
        torch=None,
        absent={
            **ROUTED_BY_THE_ROW,
            "torch": "the schedule is computed without gradient and detached again: one removal changes nothing",
        },
    ),
    Fault(
        what="qsm_sample: the DDPM mean, as QAM eq. 51 is printed",
        kind="misprint",
        kernel="qsm_sample",
        caught_by="VP-1",
        reference=Edit(
            "clipped(mean + math.sqrt(beta[i - 1]) * noises[T - i] if i > 1 else mean)",
            """clipped(
            entrywise(
                step_entry,
                (mean, x, noises[T - i] if i > 1 else 0.0 * x),
                tuple(at_time(x, level) for level in (beta[i - 1], alpha_bar[i - 1], [1.0, *alpha_bar][i - 1])),
            )
        )""",
        ),
        jax=Edit("denoised + jnp.sqrt(beta) * noise", "_step(denoised, x, noise, beta, alpha_bar, alpha_bar_next)"),
        torch=Edit(
            "x = _denoise(epsilon, x, alpha_bar[i])",
            "x = _posterior_mean(_denoise(epsilon, x, alpha_bar[i]), x, beta[i - 1], alpha_bar[i], alpha_bar[i - 1])",
        ),
    ),
    Fault(
        what="qsm_sample: the data estimate clipped, the state not",
        kind="clip",
        kernel="qsm_sample",
        caught_by="VP-1",
        reference=Edit(
            "clipped(mean + math.sqrt(beta[i - 1]) * noises[T - i] if i > 1 else mean)",
            "clipped(mean) + (math.sqrt(beta[i - 1]) * noises[T - i] if i > 1 else 0.0)",
        ),
        jax=Edit(
            "jnp.clip(denoised + jnp.sqrt(beta) * noise, -1, 1)", "jnp.clip(denoised, -1, 1) + jnp.sqrt(beta) * noise"
        ),
        torch=Edit(
            """
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]
        x = x.clamp(-1, 1)""",
            """.clamp(-1, 1)
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]""",
        ),
    ),
    Fault(
        what="qsm_sample: clipped before the noise too",
        kind="clip",
        kernel="qsm_sample",
        caught_by="VP-1",
        reference=Edit(
            "mean = entrywise(denoise_entry, (epsilon, x), (at_time(x, alpha_bar[i - 1]),))",
            "mean = clipped(entrywise(denoise_entry, (epsilon, x), (at_time(x, alpha_bar[i - 1]),)))",
        ),
        jax=Edit("denoised + jnp", "jnp.clip(denoised, -1, 1) + jnp"),
        torch=Edit("_denoise(epsilon, x, alpha_bar[i])", "_denoise(epsilon, x, alpha_bar[i]).clamp(-1, 1)"),
    ),
    Fault(
        what="qsm_sample: noise of standard deviation β",
        kind="root",
        kernel="qsm_sample",
        caught_by="VP-1",
        reference=Edit("math.sqrt(beta[i - 1])", "beta[i - 1]"),
        jax=Edit("jnp.sqrt(beta)", "beta"),
        torch=Edit("beta[i - 1].sqrt()", "beta[i - 1]"),
    ),
    Fault(
        what="ddpm_sample: variance β, as DAC takes it",
        kind="variance",
        kernel="ddpm_sample",
        caught_by="VP-1",
        reference=Edit("posterior_entry", "step_entry"),
        jax=Edit("return _posterior_step(", "return _step("),
        torch=Edit("_posterior_std(beta[i - 1], alpha_bar[i], alpha_bar[i - 1])", "beta[i - 1].sqrt()"),
    ),
    Fault(
        what="ddpm_sample: the data estimate not clipped",
        kind="clip",
        kernel="ddpm_sample",
        caught_by="VP-1",
        reference=Edit("denoised = clipped(", "denoised = (", inside="_ancestral"),
        jax=Edit("jnp.clip(denoised, -1, 1)", "denoised"),
        torch=Edit(".clamp(-1, 1)", ""),
    ),
    Fault(
        what="ddpm_sample: the noises used from the last to the first",
        kind="order",
        kernel="ddpm_sample",
        caught_by="VP-1",
        reference=Edit("noises[T - i]", "noises[i - 2]", inside="_ancestral"),
        jax=Edit("[noises, jnp", "[noises[::-1], jnp", inside="_sample"),
        torch=Edit("noises[steps - i]", "noises[i - 2]"),
    ),
    Fault(
        what="ddpm_sample: the network told i-1 at step i",
        kind="time",
        kernel="ddpm_sample",
        caught_by="VP-1",
        reference=Edit("float(i)", "float(i - 1)", inside="_ancestral"),
        jax=Edit("noise_field, x, i)", "noise_field, x, i - 1)", inside="_sample"),
        torch=Edit("float(i)", "float(i - 1)"),
    ),
    Fault(
        what="ddim_sample: ends at ᾱ_1 instead of 1",
        kind="time",
        kernel="ddim_sample",
        caught_by="VP-1",
        reference=Edit("[1.0, *alpha_bar]", "[alpha_bar[0], *alpha_bar]"),
        jax=Edit("jnp.ones(1, x.dtype)", "alpha_bar[:1]", inside="_descending"),
        torch=Edit("alpha_bar.new_ones(1)", "alpha_bar[:1].detach()", inside="_levels"),
    ),
    Fault(
        what="ddim_sample: the data estimate clipped",
        kind="clip",
        kernel="ddim_sample",
        caught_by="VP-1",
        reference=Edit(
            "entrywise(denoise_entry, (epsilon, x), (at_time(x, levels[i]),))",
            "clipped(entrywise(denoise_entry, (epsilon, x), (at_time(x, levels[i]),)))",
        ),
        jax=Edit("_denoise(epsilon, x, alpha_bar)", "jnp.clip(_denoise(epsilon, x, alpha_bar), -1, 1)"),
        torch=Edit("_denoise(epsilon, x, alpha_bar[i])", "_denoise(epsilon, x, alpha_bar[i]).clamp(-1, 1)"),
    ),
    Fault(
        what="ddim_sample: the network told i-1 at step i",
        kind="time",
        kernel="ddim_sample",
        caught_by="VP-1",
        reference=Edit("float(i)", "float(i - 1)"),
        jax=Edit("noise_field, x, i)", "noise_field, x, i - 1)"),
        torch=Edit("float(i)", "float(i - 1)"),
    ),
    Fault(
        what="trigflow_sample: the field asked at the end of the step",
        kind="time",
        kernel="trigflow_sample",
        caught_by="DOAL-4",
        reference=Edit("at_time(x, k * d)", "at_time(x, (k - 1) * d)"),
        jax=Edit("field, x, k * d)", "field, x, (k - 1) * d)"),
        torch=Edit("field, x, k * d)", "field, x, (k - 1) * d)"),
    ),
    Fault(
        what="trigflow_sample: angles from π instead of π/2",
        kind="factor",
        kernel="trigflow_sample",
        caught_by="DOAL-4",
        reference=Edit("math.pi / (2 * steps)", "math.pi / steps"),
        jax=Edit("math.pi / (2 * steps)", "math.pi / steps"),
        torch=Edit("math.pi / (2 * steps)", "math.pi / steps"),
    ),
    Fault(
        what="trigflow_sample: against the field",
        kind="sign",
        kernel="trigflow_sample",
        caught_by="DOAL-4",
        reference=Edit("* x - math", "* x + math"),
        jax=Edit("* x - math", "* x + math"),
        torch=Edit("* x - sin", "* x + sin"),
    ),
    Fault(
        what="trigflow_sample: Euler's x - d F",
        kind="scheme",
        kernel="trigflow_sample",
        caught_by="DOAL-4",
        reference=Edit("math.cos(d) * x - math.sin(d) * F", "x - d * F"),
        jax=Edit("math.cos(d) * x - math.sin(d) * F", "x - d * F"),
        torch=Edit("cos * x - sin *", "x - d *"),
    ),
    Fault(
        what="dac_sample: b_max 20 unless told otherwise",
        kind="default",
        kernel="dac_sample",
        caught_by="VP-1",
        reference=Edit("b_max: Scalar = 10.0", "b_max: Scalar = 20.0"),
        jax=Edit("b_max: Scalar = 10.0", "b_max: Scalar = 20.0"),
        torch=Edit("b_max: Scalar = 10.0", "b_max: Scalar = 20.0"),
    ),
    Fault(
        what="ddim_sample: x cut off between steps",
        kind="gradient cut",
        kernel="ddim_sample",
        caught_by="VP-1",
        reference=Edit("epsilon = evaluate", "x = x.real\n        epsilon = evaluate"),
        jax=Edit("epsilon = velocity_at(", "x = lax.stop_gradient(x)\n        epsilon = velocity_at("),
        torch=Edit("epsilon = velocity", "x = x.detach()\n        epsilon = velocity"),
    ),
)
