"""Makes convolution.json: what PyTorch gives, in double precision, for tests to compare with.

Run it in an environment of its own, where Étude need not be installed:

    pip install torch==2.13.0 numpy==2.4.6
    python tests/golden/make_convolution.py

Images are kept as `[batch, height, width, channels]` and kernels as `[height, width, inputs,
outputs]`, as Étude has them. `slopes` are the numbers that outputs are weighted with before their
sum is differentiated.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

torch.set_default_dtype(torch.float64)
GENERATOR = np.random.default_rng(4)

CONVOLUTIONS = {
    "few channels": {"image": (5, 6, 2), "kernel": (3, 3), "outputs": 3, "padding": (1, 1)},
    "few channels, stride 2": {
        "image": (6, 7, 1),
        "kernel": (3, 2),
        "outputs": 2,
        "padding": (1, 0),
        "strides": (2, 2),
    },
    "many channels": {"image": (4, 5, 6), "kernel": (3, 3), "outputs": 4, "padding": (1, 1)},
    "even kernel, stride 2": {
        "image": (6, 5, 5),
        "kernel": (4, 2),
        "outputs": 3,
        "padding": (1, 1),
        "strides": (2, 2),
    },
    "stride above the kernel": {
        "image": (7, 6, 5),
        "kernel": (2, 2),
        "outputs": 3,
        "padding": (0, 0),
        "strides": (3, 3),
    },
    "dilation": {
        "image": (6, 6, 5),
        "kernel": (3, 2),
        "outputs": 2,
        "padding": (2, 1),
        "dilation": (2, 2),
    },
    "groups": {
        "image": (4, 4, 6),
        "kernel": (3, 3),
        "outputs": 4,
        "padding": (1, 1),
        "strides": (2, 1),
        "groups": 2,
    },
    "1×1, stride 2": {
        "image": (5, 4, 5),
        "kernel": (1, 1),
        "outputs": 3,
        "padding": (0, 0),
        "strides": (2, 2),
    },
}
POOLS = {
    "side by side": {"image": (4, 6, 2), "window": (2, 2), "strides": (2, 2)},
    "some left over": {"image": (5, 7, 2), "window": (2, 3), "strides": (2, 3)},
    "overlapping": {"image": (7, 6, 2), "window": (3, 3), "strides": (2, 1)},
    "apart": {"image": (7, 7, 1), "window": (2, 2), "strides": (3, 3)},
}


def normal(*shape: int) -> torch.Tensor:
    """Numbers of N(0, 1)."""
    return torch.tensor(GENERATOR.normal(size=shape))


def plain(tree: Any) -> Any:
    """Lists of numbers; zeros of either sign are one."""
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    if isinstance(tree, torch.Tensor):
        return (tree.detach() + 0.0).tolist()
    return tree


def images(x: torch.Tensor) -> torch.Tensor:
    """From PyTorch's order of axes to Étude's."""
    return x.permute(0, 2, 3, 1)


def turned(x: torch.Tensor) -> torch.Tensor:
    """From Étude's order of axes to PyTorch's."""
    return x.permute(0, 3, 1, 2)


def kernels(k: torch.Tensor) -> torch.Tensor:
    """From PyTorch's order of a kernel's axes to Étude's."""
    return k.permute(2, 3, 1, 0)


def convolutions() -> dict:
    """Outputs and gradients of convolutions."""
    found = {}
    for name, case in CONVOLUTIONS.items():
        height, width, channels = case["image"]
        options = {
            "stride": case.get("strides", (1, 1)),
            "padding": case["padding"],
            "dilation": case.get("dilation", (1, 1)),
            "groups": case.get("groups", 1),
        }
        x = normal(2, channels, height, width).requires_grad_()
        k = normal(case["outputs"], channels // options["groups"], *case["kernel"]).requires_grad_()
        y = functional.conv2d(x, k, **options)
        slopes = normal(*y.shape)
        (y * slopes).sum().backward()
        found[name] = options | {
            "inputs": images(x),
            "weights": kernels(k),
            "outputs": images(y),
            "slopes": images(slopes),
            "input_gradient": images(x.grad),
            "gradient": kernels(k.grad),
        }
    return found


def pools() -> dict:
    """Outputs and gradients of max and average pooling, of small whole numbers with many ties."""
    found = {}
    for name, case in POOLS.items():
        height, width, channels = case["image"]
        values = torch.tensor(GENERATOR.integers(0, 3, (2, channels, height, width)))
        golden = {"window": case["window"], "strides": case["strides"]}
        for kind, pool in (("max", functional.max_pool2d), ("average", functional.avg_pool2d)):
            x = values.double().requires_grad_()
            y = pool(x, case["window"], case["strides"])
            slopes = normal(*y.shape)
            (y * slopes).sum().backward()
            golden |= {"inputs": images(x)}
            golden[kind] = {
                "outputs": images(y),
                "slopes": images(slopes),
                "input_gradient": images(x.grad),
            }
        found[name] = golden
    return found


def with_weights(module: nn.Module, names: dict[str, str], inputs: torch.Tensor) -> dict:
    """Outputs and gradients of a module in training whose weights have these names in Étude."""

    def own(name: str, value: torch.Tensor) -> torch.Tensor:
        if value.ndim == 4:
            return kernels(value)
        return value.T if name.endswith("kernel") else value

    for parameter in module.parameters():
        parameter.data = normal(*parameter.shape)
    inputs = inputs.requires_grad_()
    outputs = module(inputs)
    slopes = normal(*outputs.shape)
    (outputs * slopes).sum().backward()
    parameters = dict(module.named_parameters())
    assert len(names) == len(parameters)
    return {
        "weights": {name: own(name, parameters[theirs]) for name, theirs in names.items()},
        "inputs": inputs,
        "slopes": slopes,
        "outputs": outputs,
        "input_gradient": inputs.grad,
        "gradients": {name: own(name, parameters[theirs].grad) for name, theirs in names.items()},
    }


class ResidualBlock(nn.Module):
    """relu(bn(conv(relu(bn(conv(x))))) + shortcut), sizes halved, channels doubled."""

    def __init__(self, channels: int, projection: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * channels)
        self.projection = projection
        if projection:
            self.conv3 = nn.Conv2d(channels, 2 * channels, 1, 2, bias=False)
            self.bn3 = nn.BatchNorm2d(2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = turned(x)
        change = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.projection:
            x = self.bn3(self.conv3(x))
        else:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))
        return images(functional.relu(change + x))


class SmallCNN(nn.Module):
    """Twice convolution, batch normalization, relu and max pooling; a linear readout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 5, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(5)
        self.conv2 = nn.Conv2d(5, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.readout = nn.Linear(4 * 2 * 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = turned(x)
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 2)
        x = functional.max_pool2d(functional.relu(self.bn2(self.conv2(x))), 2)
        return self.readout(images(x).flatten(1))


def normalized(ours: str, conv: str, norm: str) -> dict[str, str]:
    """The names of a convolution and of the batch normalization behind it."""
    return {
        f"{ours}/conv/kernel": f"{conv}.weight",
        f"{ours}/norm/bias": f"{norm}.bias",
        f"{ours}/norm/scale": f"{norm}.weight",
    }


def blocks() -> dict:
    """A residual block with both shortcuts."""
    found = {}
    for shortcut in ("identity", "projection"):
        names = normalized("first", "conv1", "bn1") | normalized("second", "conv2", "bn2")
        if shortcut == "projection":
            names |= normalized("shortcut", "conv3", "bn3")
        block = ResidualBlock(2, shortcut == "projection")
        found[shortcut] = with_weights(block, names, normal(3, 4, 6, 2))
    return found


def network() -> dict:
    """A whole network in training, and its running statistics after one batch."""
    names = normalized("stages/0", "conv1", "bn1") | normalized("stages/1", "conv2", "bn2")
    names |= {
        "stack/layers/0/bias": "readout.bias",
        "stack/layers/0/kernel": "readout.weight",
    }
    module = SmallCNN()
    golden = with_weights(module, names, normal(3, 8, 6, 2))
    golden["kept"] = {
        f"stages/{place}/norm/{ours}": getattr(norm, theirs)
        for place, norm in enumerate((module.bn1, module.bn2))
        for ours, theirs in (("mean", "running_mean"), ("variance", "running_var"))
    }
    return golden


if __name__ == "__main__":
    golden = {
        "convolutions": convolutions(),
        "pools": pools(),
        "residual_block": blocks(),
        "cnn": network(),
    }
    path = Path(__file__).with_name("convolution.json")
    path.write_text(json.dumps(plain(golden)) + "\n")
    print(path, path.stat().st_size, "bytes")
