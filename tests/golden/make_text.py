"""Makes text.json: what PyTorch gives for next-token losses, in double precision.

pip install torch==2.13.0
python tests/golden/make_text.py
"""

import json
from pathlib import Path

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = 3 * torch.randn(4, 5, 6, generator=generator)
    targets = torch.randint(0, 6, (4, 5), generator=generator)
    targets[0, 3:] = -1
    targets[2, :4] = -1
    cases = {}
    for smoothing in (0.0, 0.1):
        z = outputs.clone().requires_grad_()
        rows = torch.stack(
            [
                functional.cross_entropy(a, b, ignore_index=-1, label_smoothing=smoothing)
                for a, b in zip(z, targets, strict=True)
            ]
        )
        rows.mean().backward()
        cases[str(smoothing)] = {"rows": rows.tolist(), "gradient": z.grad.tolist()}
    golden = {"outputs": outputs.tolist(), "targets": targets.tolist(), "cases": cases}
    Path(__file__).with_name("text.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
