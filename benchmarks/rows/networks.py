"""Studies of a few larger networks, warm, beside PyTorch: eager and compiled, spread two ways."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from measuring.etude_runs import EtudeRuns
from measuring.peers import measured
from measuring.prepared import write_rows
from measuring.rounds import Aim, Rounds, Side, comparison, in_rounds
from rows.options import Options

WARM = "Étude warm"
FASTEST = "the fastest of PyTorch"
CONTEXT = 64
HELD_OUT = 256
"""Windows of text; Étude measures as many of those that train, and at least so many."""

WAYS = {
    f"PyTorch {kind}, {spread}": {"compiled": compiled, "processes": processes, "threads": threads}
    for kind, compiled in (("eager", False), ("compiled", True))
    for spread, processes, threads in (
        ("one process of two threads", 1, 2),
        ("two processes of one thread", 2, 1),
    )
}


class Work(NamedTuple):
    """What both sides train.

    Attributes:
        study: the study file without its algorithm and seeds.
        network: its name in `sides.torch_networks`.
        sizes: of the network, from the sizes of the data.
        rates: learning rates of Adam.
        seeds: networks for each of them.
        batch_size, epochs: of training.
        block: rows that PyTorch measures at once.
        score: what is measured on the test rows.
        least: whether less of it is better.
        aim: by which factor Étude is to be faster.
        told: a sentence about the networks.
    """

    study: str
    network: str
    sizes: Callable[[Any], dict[str, Any]]
    rates: tuple[float, ...]
    seeds: int
    batch_size: int
    epochs: int
    block: int
    score: str
    least: bool
    aim: float
    told: str


def cnn(options: Options) -> str:
    """Eight convolutional networks on images of MNIST."""
    channels, hidden = [16, 32], [64]
    study = f"""
[data]
name = "mnist"
rows = "test"
[model]
name = "cnn"
channels = {channels}
widths = {hidden}
normalization = "batch"
[loss]
name = "cross_entropy"
[validation]
name = "holdout"
test = {0.8 if options.quick else 0.2}
"""
    return _compare(
        Work(
            study,
            "cnn",
            lambda spec: {
                "image": spec.image,
                "channels": channels,
                "hidden": hidden,
                "classes": len(spec.classes),
            },
            rates=(3e-4, 1e-3) if options.quick else (3e-4, 1e-3, 3e-3, 1e-2),
            seeds=1 if options.quick else 2,
            batch_size=64,
            epochs=1 if options.quick else 2,
            block=500,
            score="best accuracy",
            least=False,
            aim=1.4,
            told="two blocks of 3×3 convolution (16 and 32 channels), batch normalization, ReLU "
            "and 2×2 max-pooling, a layer of 64 units likewise normalized, and 10 outputs, on "
            "MNIST's 10,000 test images of 28×28 pixels, split 8,000 / 2,000",
        ),
        options,
    )


def gpt(options: Options) -> str:
    """Four language models of the GPT family on Shakespeare."""
    rates = (1e-3, 2e-3) if options.quick else (3e-4, 1e-3, 2e-3, 3e-3)
    return _gpt(options, 768, rates, epochs=1, aim=1.25, text="the beginning")


def shakespeare(options: Options) -> str:
    """One language model of the GPT family on Shakespeare, trained as long as nanoGPT's."""
    epochs = 1 if options.quick else 2
    return _gpt(options, 12_000, (1e-3,), epochs=epochs, aim=1.0, text="two thirds")


def _gpt(
    options: Options, training: int, rates: tuple[float, ...], *, epochs: int, aim: float, text: str
) -> str:
    layers, heads, width = 1 if options.quick else 4, 4, 128
    study = _text_study(
        options, f"name = 'gpt'\nlayers = {layers}\nheads = {heads}\nwidth = {width}", training
    )
    return _compare(
        Work(
            study,
            "gpt",
            lambda spec: {
                "vocabulary": spec.vocabulary,
                "steps": spec.inputs[0],
                "layers": layers,
                "heads": heads,
                "width": width,
            },
            rates=rates,
            seeds=1,
            batch_size=12,
            epochs=epochs,
            block=128,
            score="best loss",
            least=True,
            aim=aim,
            told=f"4 layers, 4 heads, width 128, context 64, tied embedding, on {text} of tiny "
            "Shakespeare",
        ),
        options,
    )


def lstm(options: Options) -> str:
    """Four recurrent language models on Shakespeare."""
    width, embedding = 128, 64
    study = _text_study(options, f"name = 'lstm'\nwidth = {width}\nembedding = {embedding}", 1792)
    return _compare(
        Work(
            study,
            "lstm",
            lambda spec: {
                "vocabulary": spec.vocabulary,
                "embedding": embedding,
                "width": width,
            },
            rates=(3e-3, 1e-2) if options.quick else (1e-3, 3e-3, 1e-2, 3e-2),
            seeds=1,
            batch_size=32,
            epochs=1 if options.quick else 4,
            block=128,
            score="best loss",
            least=True,
            aim=1.25,
            told="one layer of 128 cells over 64 steps, embeddings of 64, on the beginning of "
            "tiny Shakespeare",
        ),
        options,
    )


def _text_study(options: Options, model: str, training: int) -> str:
    """A study on the beginning of the text, which makes an epoch short enough to repeat.

    Args:
        options: of the row.
        model: lines of the study file.
        training: windows that train; a multiple of the batch, so that PyTorch compiles for one
            size. The next ones are held out.
    """
    from etude import TinyShakespeare

    prepared = TinyShakespeare().prepare()
    training = training // 8 if options.quick else training
    rows = training + HELD_OUT
    beginning = prepared.arrays["inputs"].ravel()[: rows * CONTEXT + 1]
    file = options.folder / "text.txt"
    text = "".join(np.array(prepared.encoder.symbols)[beginning])
    file.write_text(text, encoding="utf-8", newline="")
    return f"""
[data]
name = "text"
path = "{file}"
context = {CONTEXT}
[model]
{model}
[loss]
name = "next_token"
[validation]
name = "holdout"
test = {(HELD_OUT - 0.5) / rows}
shuffle = false
"""


def _compare(work: Work, options: Options) -> str:
    study = (
        work.study
        + f"""
[algorithm]
name = "adam"
learning_rate = {{ grid = {list(work.rates)} }}
batch_size = {work.batch_size}
epochs = {work.epochs}
"""
    )
    study = f"name = '{work.network}'\nseeds = {work.seeds}\n{study}"
    file = options.folder / "rows.npz"
    spec, rows = write_rows(study, file)
    own = EtudeRuns(study, options.folder / "etude")
    asked = {
        "arrays": str(file),
        "network": work.network,
        "sizes": work.sizes(spec),
        "members": [(seed, rate) for rate in work.rates for seed in range(work.seeds)],
        "batch_size": work.batch_size,
        "epochs": work.epochs,
        "block": work.block,
        "least": work.least,
    }
    environment = {"TORCHINDUCTOR_CACHE_DIR": str(options.folder / "inductor")}
    # A small run compiles once, where that takes least.
    few = 3 if work.network == "lstm" else 2
    ways = dict(list(WAYS.items())[:few]) if options.quick else WAYS
    if len(asked["members"]) == 1:
        # One network has no use for a second process.
        ways = {name: way for name, way in ways.items() if way["processes"] == 1}
    sides: dict[str, Side] = {WARM: own.warm} | {
        name: lambda way=way: measured("torch_study", asked | way, environment=environment)
        for name, way in ways.items()
    }
    for name, way in ways.items():
        if way["compiled"] and not options.quick:
            options.tell(f"  compiling: {name}")
            sides[name]()
    rounds = _with_fastest(in_rounds(sides, options.repeats, options.tell))
    steps = work.epochs * -(-rows // work.batch_size)
    quick = "**A small run: sizes below are not those of the row.** " if options.quick else ""
    networks = "1 network" if len(asked["members"]) == 1 else f"{len(asked['members'])} networks"
    return (
        f"{quick}{networks}: {work.told}. Adam, batches of "
        f"{work.batch_size}, {work.epochs} epochs of {rows:,} rows: {steps:,} steps each. "
        "All sides measure the loss on the test rows and on as many training rows after every "
        "epoch. Training is what is compared: of Étude all that its run does once programs are "
        "loaded, evidence and store included; of PyTorch all after imports, compilation and a "
        "first step.\n\n"
        + comparison(
            rounds,
            (WARM,),
            {FASTEST: [Aim(work.aim, WARM, "training")]},
            score=work.score,
            parts=("seconds", "training"),
        )
    )


def _with_fastest(rounds: Rounds) -> Rounds:
    """One more line: in each round the way of PyTorch that trained fastest."""
    peers = [found for side, found in rounds.items() if side != WARM]
    fastest = [min(group, key=lambda one: one.training) for group in zip(*peers, strict=True)]
    return rounds | {FASTEST: fastest}
