"""Makes torch.json: values that PyTorch gives, in double precision, for tests to compare with.

Run it in an environment of its own, where Étude need not be installed:

    pip install torch==2.13.0 numpy==2.4.6
    python tests/golden/make_torch.py

Only where PyTorch's definition is Étude's own is there a value here, for which some rules run
with settings under which the two are the same:

- Adagrad and RMSprop add ε outside the root, RAdam inside the correction of v: ε is very small.
- NAdam raises β₁ from step to step; a large `momentum_decay` makes that end before it begins.
- AMSGrad corrects the bias after the maximum, not before: β₂ = 0, where nothing is corrected.
- Muon does not correct the bias of its momentum, and computes in bfloat16: without momentum, and
  with bfloat16 replaced by double precision.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

torch.set_default_dtype(torch.float64)
STEPS = 50
START = [-1.2, 1.0, 0.7, -0.4, 2.0]
LEARNING_RATES = {
    "sgd": 0.01,
    "momentum": 0.003,
    "nesterov": 0.003,
    "adagrad": 0.1,
    "rmsprop": 0.01,
    "adadelta": 1.0,
    "adam": 0.05,
    "adamw": 0.05,
    "nadam": 0.05,
    "amsgrad": 0.05,
    "adamax": 0.05,
    "radam": 0.05,
}


def surface(w: torch.Tensor) -> torch.Tensor:
    """A curved valley: Σ (1 − wᵢ)² + 2 (wᵢ₊₁ − wᵢ²)² + sin wᵢ, no coordinate like another."""
    head, tail = w[:-1], w[1:]
    return ((1 - head) ** 2 + 2 * (tail - head**2) ** 2 + torch.sin(head)).sum()


def optimizer(name: str, w: torch.Tensor) -> torch.optim.Optimizer:
    """PyTorch's optimizer of this name."""
    rate = LEARNING_RATES[name]
    match name:
        case "sgd":
            return torch.optim.SGD([w], rate)
        case "momentum":
            return torch.optim.SGD([w], rate, momentum=0.9)
        case "nesterov":
            return torch.optim.SGD([w], rate, momentum=0.9, nesterov=True)
        case "adagrad":
            return torch.optim.Adagrad([w], rate, eps=1e-30)
        case "rmsprop":
            return torch.optim.RMSprop([w], rate, alpha=0.9, eps=1e-30)
        case "adadelta":
            return torch.optim.Adadelta([w], rate, rho=0.9, eps=1e-6)
        case "adam":
            return torch.optim.Adam([w], rate)
        case "adamw":
            return torch.optim.AdamW([w], rate, weight_decay=0.01)
        case "nadam":
            return torch.optim.NAdam([w], rate, momentum_decay=1e9)
        case "amsgrad":
            return torch.optim.Adam([w], rate, betas=(0.9, 0.0), amsgrad=True)
        case "adamax":
            return torch.optim.Adamax([w], rate)
        case "radam":
            return torch.optim.RAdam([w], rate, eps=1e-30)
    raise ValueError(name)


def trajectories() -> dict:
    """The weights after every tenth step, and after the last."""
    found = {}
    for name in LEARNING_RATES:
        w = torch.tensor(START, requires_grad=True)
        rule, path = optimizer(name, w), []
        for step in range(STEPS):
            rule.zero_grad()
            surface(w).backward()
            rule.step()
            if step % 10 == 9:
                path.append(w.detach().tolist())
        found[name] = {"learning_rate": LEARNING_RATES[name], "path": path}
    return {"start": START, "steps": STEPS, "rules": found}


def matrices() -> dict:
    """Weights `[n_in, n_out]` after every tenth step of Muon, as Étude keeps them."""
    start = np.random.default_rng(1).normal(size=(2, 4, 3))
    target = torch.tensor(np.random.default_rng(2).normal(size=(3, 4)))
    # PyTorch keeps them as [n_out, n_in].
    weights = [torch.tensor(w.T.copy(), requires_grad=True) for w in (start[0], start[1].T)]
    rule = torch.optim.Muon(weights, 0.02, weight_decay=0.1, momentum=0.0, eps=1e-30)
    bfloat16, path = torch.Tensor.bfloat16, []
    torch.Tensor.bfloat16 = lambda tensor: tensor
    for step in range(STEPS):
        rule.zero_grad()
        first, second = weights
        ((first - target) ** 2 + torch.sin(second.T * first)).sum().backward()
        rule.step()
        if step % 10 == 9:
            path.append([w.detach().T.tolist() for w in weights])
    torch.Tensor.bfloat16 = bfloat16
    return {"target": target.T.tolist(), "start": [start[0].tolist(), start[1].T.tolist()]} | {
        "learning_rate": 0.02,
        "weight_decay": 0.1,
        "path": path,
    }


def clipped() -> dict:
    """Gradients of several arrays, and what `clip_grad_norm_` makes of them."""
    gradients = [np.random.default_rng(3).normal(size=shape).tolist() for shape in ((3, 2), (2,))]
    found = {}
    for bound in (0.5, 100.0):
        weights = [torch.zeros_like(torch.tensor(g), requires_grad=True) for g in gradients]
        for w, g in zip(weights, gradients, strict=True):
            w.grad = torch.tensor(g)
        norm = torch.nn.utils.clip_grad_norm_(weights, bound)
        found[str(bound)] = [w.grad.tolist() for w in weights]
    return {"gradients": gradients, "norm": norm.item(), "clipped": found}


def schedules() -> dict:
    """Learning rates of 40 steps, 10 of them an epoch, from a rate of 1."""
    scheduler = torch.optim.lr_scheduler
    makers = {
        "cosine": lambda o: scheduler.CosineAnnealingLR(o, T_max=40, eta_min=0.1),
        "step": lambda o: scheduler.StepLR(o, step_size=20, gamma=0.3),
        "warmup": lambda o: scheduler.LinearLR(o, start_factor=1 / 8, total_iters=7),
        "exponential": lambda o: scheduler.ExponentialLR(o, gamma=0.7**0.1),
        "linear": lambda o: scheduler.LinearLR(o, start_factor=1.0, end_factor=0.2, total_iters=40),
        "one_cycle": lambda o: scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=40, pct_start=0.3, div_factor=25, final_div_factor=1e4
        ),
    }
    found = {}
    for name, make in makers.items():
        rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0, momentum=0.9)
        schedule, rates = make(rule), []
        for _ in range(40):
            rates.append(rule.param_groups[0]["lr"])
            rule.step()
            schedule.step()
        found[name] = rates
    return found


def losses() -> dict:
    """The loss of each row, and the gradient of their mean in the outputs."""
    generator = np.random.default_rng(0)
    outputs = 2 * generator.normal(size=(6, 3))
    numbers = generator.normal(size=(6, 3))
    shares = generator.dirichlet(np.ones(3), size=6)
    classes = generator.integers(0, 3, 6)
    logits = np.array([[-1e4], [-3.0], [0.0], [0.5], [20.0], [1e4]])
    binary = np.array([0, 1, 1, 0, 1, 0])
    log_variance = generator.normal(size=(6, 3))
    y, p, c = torch.tensor(numbers), torch.tensor(shares), torch.tensor(classes)
    b = torch.tensor(binary, dtype=torch.float64)
    cross = functional.cross_entropy

    def gaussian(z: torch.Tensor) -> torch.Tensor:
        variance = torch.exp(z[:, 3:])
        return functional.gaussian_nll_loss(
            z[:, :3], y, variance, full=True, eps=1e-300, reduction="none"
        ).sum(-1)

    cases = {
        "mse": (outputs, lambda z: functional.mse_loss(z, y, reduction="none").sum(-1)),
        "mae": (outputs, lambda z: functional.l1_loss(z, y, reduction="none").sum(-1)),
        "huber": (
            outputs,
            lambda z: functional.huber_loss(z, y, reduction="none", delta=0.7).sum(-1),
        ),
        "cross_entropy": (outputs, lambda z: cross(z, c, reduction="none")),
        "cross_entropy_smoothed": (
            outputs,
            lambda z: cross(z, c, reduction="none", label_smoothing=0.1),
        ),
        "cross_entropy_shares": (outputs, lambda z: cross(z, p, reduction="none")),
        "binary_cross_entropy": (
            logits,
            lambda z: functional.binary_cross_entropy_with_logits(z[:, 0], b, reduction="none"),
        ),
        "gaussian_nll": (np.concatenate([outputs, log_variance], 1), gaussian),
    }
    found = {}
    for name, (start, loss) in cases.items():
        z = torch.tensor(start, requires_grad=True)
        rows = loss(z)
        rows.mean().backward()
        found[name] = {
            "outputs": start.tolist(),
            "rows": rows.detach().tolist(),
            "gradient": z.grad.tolist(),
        }
    targets = {"numbers": numbers, "shares": shares, "classes": classes, "binary": binary}
    return {"targets": {name: value.tolist() for name, value in targets.items()}, "cases": found}


def activations() -> dict:
    """Values and derivatives."""
    points = [-30.0, -4.0, -1.3, -0.2, 0.3, 1.0, 2.5, 30.0]
    functions = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "identity": lambda x: 1 * x,
    }
    found = {}
    for name, function in functions.items():
        x = torch.tensor(points, requires_grad=True)
        values = function(x)
        values.sum().backward()
        found[name] = {"values": values.detach().tolist(), "derivatives": x.grad.tolist()}
    return {"points": points, "functions": found}


def perceptron() -> dict:
    """A network with two hidden layers: outputs, and gradients of the cross-entropy."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2))
    layers = [module for module in net if isinstance(module, nn.Linear)]
    x, classes = torch.randn(7, 4), torch.randint(0, 2, (7,))
    outputs = net(x)
    functional.cross_entropy(outputs, classes).backward()
    return {
        "inputs": x.tolist(),
        "classes": classes.tolist(),
        "outputs": outputs.detach().tolist(),
        # Étude keeps weights as [inputs, outputs].
        "kernels": [layer.weight.detach().T.tolist() for layer in layers],
        "biases": [layer.bias.detach().tolist() for layer in layers],
        "kernel_gradients": [layer.weight.grad.T.tolist() for layer in layers],
        "bias_gradients": [layer.bias.grad.tolist() for layer in layers],
    }


if __name__ == "__main__":
    golden = {
        "torch": torch.__version__.split("+")[0],
        "trajectories": trajectories(),
        "matrices": matrices(),
        "clipped": clipped(),
        "schedules": schedules(),
        "losses": losses(),
        "activations": activations(),
        "perceptron": perceptron(),
    }
    Path(__file__).with_name("torch.json").write_text(json.dumps(golden) + "\n")
