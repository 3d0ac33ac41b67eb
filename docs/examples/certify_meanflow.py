"""A MeanFlow target as one might write it: right in value, but the loss also trains through the target.

`torch.no_grad` around it would not do either: it does not stop forward-mode tangents.
"""

import torch

from veloq.verification import certify


def my_meanflow_target(u, x, v, t, r):
    tangents = (v, torch.ones_like(t), torch.zeros_like(r))
    _, derivative = torch.func.jvp(u, (x, t, r), tangents)
    return v + (r - t) * derivative


if __name__ == "__main__":
    print(certify(my_meanflow_target, "meanflow_target", backend="torch"))
