"""Faults in how an engine binds and applies networks."""

from ..method_fault import engine_fault

NETWORKS = "test_engines.test_networks_and_routing"

ROUTES = (
    engine_fault(
        "frozen networks carry a gradient",
        "stop-gradient",
        NETWORKS,
        reference=("engine.models", "frozen = stop_gradient(online)", "frozen = online"),
        jax=("updates.models", "bind(declared, K.stop_gradient(online))", "bind(declared, online)"),
        torch=("losses.models_of", "frozen=bind(declared, online)", "frozen=bind(declared, {**online, **trained})"),
    ),
    engine_fault(
        "averages are the online networks",
        "wrong network",
        NETWORKS,
        reference=("engine.models", "bind(network, target[name])", "bind(network, online[name])"),
        jax=("updates.models", "bind(declared, target)", "bind(declared, {name: online[name] for name in target})"),
        torch=("losses.models_of", "target=bind(declared, target)", "target=bind(declared, {**online, **trained})"),
    ),
    engine_fault(
        "networks that an update does not train get a gradient",
        "stop-gradient",
        NETWORKS,
        jax=("updates.loss_and_gradient", "{name: online[name] for name in update.trains}", "dict(online)"),
        torch=("losses.gradients_of", "for network in update.trains", "for network in online"),
        absent={"reference": "it differentiates the trained networks one parameter at a time and no other"},
    ),
)

NETWORK_FAULTS = (
    engine_fault(
        "layer norm divides by one less",
        "network",
        NETWORKS,
        reference=(
            "networks.normalized",
            "np.sum(centred * centred, axis=-1, keepdims=True) / x.shape[-1]",
            "np.sum(centred * centred, axis=-1, keepdims=True) / (x.shape[-1] - 1)",
        ),
        jax=(
            "networks._normalised",
            "jnp.mean(jnp.square(centred), axis=-1, keepdims=True)",
            "jnp.var(x, axis=-1, keepdims=True, ddof=1)",
        ),
        torch=(
            "networks._norm_members",
            "layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)",
            "(x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt()",
        ),
    ),
    engine_fault(
        "layer norm with epsilon 1e-5",
        "network",
        NETWORKS,
        reference=("networks.normalized", "LAYER_NORM_EPSILON", "1e-5"),
        jax=("networks._normalised", "LAYER_NORM_EPSILON", "1e-5"),
        torch=("networks._norm", "LAYER_NORM_EPSILON", "1e-5"),
    ),
    engine_fault(
        "layer norm before the activation",
        "network",
        NETWORKS,
        reference=(
            "networks.perceptron",
            'x = ACTIVATIONS[network.activation](_dense(parameters, f"hidden_{layer}", x))\n'
            '        if network.layer_norm:\n            x = _norm(parameters, f"hidden_{layer}", x)',
            'x = _dense(parameters, f"hidden_{layer}", x)\n        if network.layer_norm:\n'
            '            x = _norm(parameters, f"hidden_{layer}", x)\n        x = ACTIVATIONS[network.activation](x)',
        ),
        jax=(
            "networks.apply",
            "x = activation(_dense(x, tree, name))\n        if network.layer_norm:\n"
            "            x = _norm(x, tree, name)",
            "x = _dense(x, tree, name)\n        if network.layer_norm:\n            x = _norm(x, tree, name)\n"
            "        x = activation(x)",
        ),
        torch=(
            "networks.apply_network",
            "x = activation(layer(tree, name, x))\n        if network.layer_norm:\n            x = norm(tree, name, x)",
            "x = layer(tree, name, x)\n        if network.layer_norm:\n            x = norm(tree, name, x)\n"
            "        x = activation(x)",
        ),
    ),
    engine_fault(
        "the exact GELU",
        "network",
        NETWORKS,
        reference=(
            "networks.gelu",
            "inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)",
            "inner = 0.7978845834732056 * (x + 0.044703 * x * x * x)",
        ),
        jax=("networks.", "approximate=True", "approximate=False"),
        torch=("networks.", 'approximate="tanh"', 'approximate="none"'),
    ),
    engine_fault(
        "SiLU in place of mish",
        "network",
        NETWORKS,
        reference=(
            "networks.mish",
            "x * (w * w + 2.0 * w) / (w * w + 2.0 * w + 2.0)",
            "x * w / (w + 1.0)",
        ),
        jax=("networks.", '"mish": jax.nn.mish', '"mish": jax.nn.silu'),
        torch=("networks.", "x * torch.tanh(softplus(x))", "x * torch.sigmoid(x)"),
    ),
    engine_fault(
        "a leaky ReLU",
        "network",
        NETWORKS,
        reference=("networks.relu", "x, 0.0)", "x, 0.01 * x)"),
        jax=("networks.", '"relu": jax.nn.relu', '"relu": jax.nn.leaky_relu'),
        torch=("networks.", '"relu": relu', '"relu": torch.nn.functional.leaky_relu'),
    ),
    engine_fault(
        "a residual block forgets what came in",
        "network",
        NETWORKS,
        reference=(
            "networks.residual_perceptron",
            'x = x + _dense(parameters, f"narrow_{block}", inside)',
            'x = _dense(parameters, f"narrow_{block}", inside)',
        ),
        jax=(
            "networks.apply_residual",
            'x = x + _dense(wide, tree, f"narrow_{block}")',
            'x = _dense(wide, tree, f"narrow_{block}")',
        ),
        torch=("networks.apply_residual", 'x = x + _dense(tree, f"narrow', 'x = _dense(tree, f"narrow'),
    ),
    engine_fault(
        "a residual block without its norm",
        "network",
        NETWORKS,
        reference=("networks.residual_perceptron", '_norm(parameters, f"widen_{block}", x)', "x"),
        jax=("networks.apply_residual", '_norm(x, tree, f"widen_{block}")', "x"),
        torch=("networks.apply_residual", "_norm(tree, name, x)", "x"),
    ),
    engine_fault(
        "a residual network's heads without the last activation",
        "network",
        NETWORKS,
        reference=("networks.residual_perceptron", "head.name, activation(x))", "head.name, x)"),
        jax=("networks.apply_residual", "    x = activation(x)\n", ""),
        torch=("networks.apply_residual", "    x = activation(x)\n", ""),
    ),
    engine_fault(
        "the norm's shift is forgotten",
        "network",
        NETWORKS,
        reference=("networks._norm", ' + parameters[f"{name}.norm_shift"]', ""),
        jax=("networks._norm", ' + _row(tree, f"{name}.norm_shift")', ""),
        torch=("networks._norm", "scale, shift, LAYER", "scale, None, LAYER"),
    ),
    engine_fault(
        "every member of an ensemble is the first",
        "network",
        NETWORKS,
        reference=("networks._ensemble", "value[member] for", "value[0] for"),
        jax=(
            "networks._dense",
            'tree[f"{name}.kernel"])',
            'tree[f"{name}.kernel"][..., :1, :, :].repeat('
            'tree[f"{name}.kernel"].shape[0], 0) if tree[f"{name}.kernel"].ndim == 3 else tree[f"{name}.kernel"])',
        ),
        torch=(
            "networks._dense_members",
            'tree[f"{name}.kernel"])',
            'tree[f"{name}.kernel"][:1].expand_as(tree[f"{name}.kernel"]))',
        ),
    ),
    engine_fault(
        "heads in the wrong order",
        "network",
        NETWORKS,
        reference=("networks.perceptron", "for head in network.heads]", "for head in reversed(network.heads)]"),
        jax=("networks.apply", "for head in network.heads)", "for head in reversed(network.heads))"),
        torch=("networks.apply_network", "for head in network.heads:", "for head in reversed(network.heads):"),
    ),
)
