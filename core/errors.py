"""Every error a user can meet, each naming what was wrong and what was expected."""


class VeloqError(Exception):
    """Base of all errors raised on purpose by veloq."""


class ContractError(VeloqError, ValueError):
    """A kernel was called with arguments outside its contract."""


class ShapeError(ContractError):
    """An argument, or what a field returned, has the wrong shape."""


class DTypeError(ContractError, TypeError):
    """An argument is not a floating-point array, or the arrays' dtypes differ."""


class DomainError(ContractError):
    """A scalar lies outside the range where the kernel is defined."""


class MissingBackendError(VeloqError, ImportError):
    """A backend was asked for whose framework is not installed."""


class UsageError(VeloqError):
    """A command was asked for something that does not exist; shown as one line, exit code 2."""


class DataError(VeloqError):
    """A data file is missing, incomplete or damaged; shown as one line, exit code 2."""


class CheckpointError(VeloqError):
    """A checkpoint is missing, damaged or belongs to another run."""


class SimulatorError(VeloqError):
    """An environment raised, died or hung; the run keeps a checkpoint from which it goes on."""


class RenderingError(VeloqError):
    """No rollout could be rendered; says what is missing."""


class DivergenceError(VeloqError):
    """Training produced NaN or infinity; the run stopped and kept its earlier checkpoints."""
