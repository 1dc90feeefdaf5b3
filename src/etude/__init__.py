"""Étude trains whole studies of networks as a few compiled programs and answers with evidence.

Names are imported when they are first used, so that `import etude` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etude.algorithm.adabelief import AdaBelief as AdaBelief
    from etude.algorithm.adadelta import Adadelta as Adadelta
    from etude.algorithm.adagrad import Adagrad as Adagrad
    from etude.algorithm.adam import Adam as Adam
    from etude.algorithm.adamax import Adamax as Adamax
    from etude.algorithm.adamw import AdamW as AdamW
    from etude.algorithm.amsgrad import AMSGrad as AMSGrad
    from etude.algorithm.clipping import GlobalNorm as GlobalNorm
    from etude.algorithm.lamb import LAMB as LAMB
    from etude.algorithm.lion import Lion as Lion
    from etude.algorithm.momentum import Momentum as Momentum
    from etude.algorithm.muon import Muon as Muon
    from etude.algorithm.nadam import NAdam as NAdam
    from etude.algorithm.nesterov import Nesterov as Nesterov
    from etude.algorithm.optax_rule import Optax as Optax
    from etude.algorithm.optax_rule import UserRule as UserRule
    from etude.algorithm.radam import RAdam as RAdam
    from etude.algorithm.rmsprop import RMSprop as RMSprop
    from etude.algorithm.schedule import Constant as Constant
    from etude.algorithm.schedule import Cosine as Cosine
    from etude.algorithm.schedule import ExponentialDecay as ExponentialDecay
    from etude.algorithm.schedule import LinearDecay as LinearDecay
    from etude.algorithm.schedule import OneCycle as OneCycle
    from etude.algorithm.schedule import StepDecay as StepDecay
    from etude.algorithm.schedule_free_adamw import ScheduleFreeAdamW as ScheduleFreeAdamW
    from etude.algorithm.sgd import SGD as SGD
    from etude.algorithm.stopping import EarlyStopping as EarlyStopping
    from etude.curvature import Sharpness as Sharpness
    from etude.curvature import sharpness as sharpness
    from etude.data.array_file import ArrayFile as ArrayFile
    from etude.data.bundled import BreastCancer as BreastCancer
    from etude.data.bundled import Diabetes as Diabetes
    from etude.data.bundled import Digits as Digits
    from etude.data.bundled import Iris as Iris
    from etude.data.bundled import Wine as Wine
    from etude.data.crop import Crop as Crop
    from etude.data.cutmix import CutMix as CutMix
    from etude.data.cutout import Cutout as Cutout
    from etude.data.flip import Flip as Flip
    from etude.data.image_folder import ImageFolder as ImageFolder
    from etude.data.input_noise import InputNoise as InputNoise
    from etude.data.mixup import Mixup as Mixup
    from etude.data.mnist import MNIST as MNIST
    from etude.data.mnist import FashionMNIST as FashionMNIST
    from etude.data.names import Names as Names
    from etude.data.random_walk import RandomWalk as RandomWalk
    from etude.data.ratings import MovieLens as MovieLens
    from etude.data.ratings import Ratings as Ratings
    from etude.data.rotate import Rotate as Rotate
    from etude.data.series import Series as Series
    from etude.data.shift import Shift as Shift
    from etude.data.surfaces import Surface as Surface
    from etude.data.synthetic_classes import Blobs as Blobs
    from etude.data.synthetic_classes import Moons as Moons
    from etude.data.synthetic_classes import RingOfGaussians as RingOfGaussians
    from etude.data.synthetic_classes import Spirals as Spirals
    from etude.data.synthetic_regression import HeteroscedasticSine as HeteroscedasticSine
    from etude.data.synthetic_regression import LinearRegression as LinearRegression
    from etude.data.synthetic_regression import PolynomialRegression as PolynomialRegression
    from etude.data.synthetic_regression import Sine as Sine
    from etude.data.synthetic_sequences import AddingProblem as AddingProblem
    from etude.data.synthetic_sequences import CopyProblem as CopyProblem
    from etude.data.synthetic_series import Autoregressive as Autoregressive
    from etude.data.table import Table as Table
    from etude.data.text import Text as Text
    from etude.data.text import TinyShakespeare as TinyShakespeare
    from etude.domain import varied as varied
    from etude.engine.plan import plan as plan
    from etude.ensemble.averaging import Averaging as Averaging
    from etude.ensemble.bagging import Bagging as Bagging
    from etude.ensemble.boosting import Boosting as Boosting
    from etude.ensemble.samme import Samme as Samme
    from etude.errors import InputError as InputError
    from etude.estimator.scikit_learn import ScikitLearn as ScikitLearn
    from etude.evidence.result import Result as Result
    from etude.file import read_study as read_study
    from etude.interface import refit as refit
    from etude.interface import run as run
    from etude.loss.classification import BinaryCrossEntropy as BinaryCrossEntropy
    from etude.loss.classification import CrossEntropy as CrossEntropy
    from etude.loss.height import Height as Height
    from etude.loss.next_token import NextToken as NextToken
    from etude.loss.ratings import RegularizedSquaredError as RegularizedSquaredError
    from etude.loss.regression import MAE as MAE
    from etude.loss.regression import MSE as MSE
    from etude.loss.regression import GaussianNLL as GaussianNLL
    from etude.loss.regression import Huber as Huber
    from etude.loss.user import UserLoss as UserLoss
    from etude.metric.calibration import Brier as Brier
    from etude.metric.calibration import CalibrationError as CalibrationError
    from etude.metric.classification import Accuracy as Accuracy
    from etude.metric.classification import LogLoss as LogLoss
    from etude.metric.classification import TopK as TopK
    from etude.metric.confusion import F1 as F1
    from etude.metric.confusion import BalancedAccuracy as BalancedAccuracy
    from etude.metric.coordinate import Coordinate as Coordinate
    from etude.metric.regression import NLL as NLL
    from etude.metric.regression import R2 as R2
    from etude.metric.regression import RMSE as RMSE
    from etude.metric.regression import MeanAbsoluteError as MeanAbsoluteError
    from etude.metric.roc_auc import RocAuc as RocAuc
    from etude.metric.tokens import BitsPerToken as BitsPerToken
    from etude.metric.tokens import Perplexity as Perplexity
    from etude.metric.tokens import TokenAccuracy as TokenAccuracy
    from etude.metric.tokens import TokenLogLoss as TokenLogLoss
    from etude.model.cnn import CNN as CNN
    from etude.model.factorization import MatrixFactorization as MatrixFactorization
    from etude.model.gpt import GPT as GPT
    from etude.model.gru import GRU as GRU
    from etude.model.initializers import HeNormal as HeNormal
    from etude.model.initializers import HeUniform as HeUniform
    from etude.model.initializers import LecunNormal as LecunNormal
    from etude.model.initializers import LecunUniform as LecunUniform
    from etude.model.initializers import Normal as Normal
    from etude.model.initializers import Orthogonal as Orthogonal
    from etude.model.initializers import Uniform as Uniform
    from etude.model.initializers import XavierNormal as XavierNormal
    from etude.model.initializers import XavierUniform as XavierUniform
    from etude.model.initializers import Zeros as Zeros
    from etude.model.linear import DeepLinear as DeepLinear
    from etude.model.linear import Linear as Linear
    from etude.model.lstm import LSTM as LSTM
    from etude.model.mlp import MLP as MLP
    from etude.model.point import Point as Point
    from etude.model.resnet import ResNet as ResNet
    from etude.model.rnn import RNN as RNN
    from etude.model.transformer_encoder import TransformerEncoder as TransformerEncoder
    from etude.model.user import UserModel as UserModel
    from etude.network import Network as Network
    from etude.reporting.html import report as report
    from etude.saved import load as load
    from etude.search.bayesian import Bayesian as Bayesian
    from etude.search.halving import Halving as Halving
    from etude.search.random import RandomSearch as RandomSearch
    from etude.store.store import Store as Store
    from etude.study import Study as Study
    from etude.sweep import choice as choice
    from etude.sweep import grid as grid
    from etude.sweep import int_uniform as int_uniform
    from etude.sweep import linear_range as linear_range
    from etude.sweep import log_range as log_range
    from etude.sweep import log_uniform as log_uniform
    from etude.sweep import sample as sample
    from etude.sweep import uniform as uniform
    from etude.validation.bootstrap import Bootstrap as Bootstrap
    from etude.validation.grouped import Grouped as Grouped
    from etude.validation.holdout import Holdout as Holdout
    from etude.validation.holdout import TrainingOnly as TrainingOnly
    from etude.validation.kfold import KFold as KFold
    from etude.validation.kfold import Stratified as Stratified
    from etude.validation.leave_one_out import LeaveOneOut as LeaveOneOut
    from etude.validation.nested import Nested as Nested
    from etude.validation.repeated import Repeated as Repeated
    from etude.validation.replicates import Replicates as Replicates
    from etude.validation.time_series import TimeSeries as TimeSeries

__version__ = "0.4.0"

_PLACES = {
    "InputError": "etude.errors",
    "Network": "etude.network",
    "Result": "etude.evidence.result",
    "Sharpness": "etude.curvature",
    "Store": "etude.store.store",
    "Study": "etude.study",
    "choice": "etude.sweep",
    "grid": "etude.sweep",
    "int_uniform": "etude.sweep",
    "linear_range": "etude.sweep",
    "load": "etude.saved",
    "log_range": "etude.sweep",
    "log_uniform": "etude.sweep",
    "plan": "etude.engine.plan",
    "read_study": "etude.file",
    "refit": "etude.interface",
    "report": "etude.reporting.html",
    "run": "etude.interface",
    "sample": "etude.sweep",
    "sharpness": "etude.curvature",
    "uniform": "etude.sweep",
    "varied": "etude.domain",
}
_KINDS = ("algorithm", "data", "estimator", "loss", "metric", "model", "search", "validation")


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    if name[:1].isupper():
        for kind in _KINDS:
            try:
                return getattr(import_module(f"etude.{kind}"), name)
            except AttributeError:
                continue
    raise AttributeError(f"module 'etude' has no attribute {name!r}")


def __dir__() -> list[str]:
    from etude.catalogue import KINDS
    from etude.component import discover_all, registered
    from etude.packages import is_ours

    discover_all()
    known = [cls for kind in KINDS for cls in registered(kind).values()]
    components = {cls.__name__ for cls in known if is_ours(cls.__module__)}
    return sorted({*globals(), *_PLACES, *components})
