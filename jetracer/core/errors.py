"""Every error JetRacer raises on purpose.

    JetRacerError
    +-- ConfigError (ValueError)          an option or a file that makes no sense
    |   +-- UnknownName (LookupError)     a wrong name; says the nearest right one
    +-- DataError (ValueError)            a recording or a data set that cannot be used
    +-- DeviceError (OSError)
    |   +-- CameraError
    |   |   +-- CameraTimeout (TimeoutError)   no new frame in time
    |   |   +-- CameraEnded (EOFError)         a recording came to its end
    |   |   +-- CameraRefused (RuntimeError)   a notebook's camera does not start, or must not be read now
    |   +-- BusError                      the I2C bus or a chip on it
    |   +-- ServiceError                  what runs at boot, and systemd
    |   +-- GuardError                    the process that owns the motors
    |       +-- GuardTaken                another guard owns the socket
    |       +-- GuardLost (ConnectionError)    it died or went silent: the car is in neutral
    +-- ModelError (ValueError)
        +-- ModelNotFound (FileNotFoundError)
        +-- ModelCorrupt                  not a model, or a damaged one
        +-- CardError                     the model does not say, or says wrongly, what it needs
        +-- EngineRefused                 an engine of another device, version or model, or one not proven

Each text names the cause and the next step, in one or two lines.
"""
from __future__ import annotations


class JetRacerError(Exception):
    """Root of the tree: `except JetRacerError` catches all that JetRacer raises on purpose."""


class ConfigError(JetRacerError, ValueError):
    pass


class UnknownName(ConfigError, LookupError):
    pass


class DataError(JetRacerError, ValueError):
    pass


class DeviceError(JetRacerError, OSError):
    pass


class CameraError(DeviceError):
    pass


class CameraTimeout(CameraError, TimeoutError):
    pass


class CameraEnded(CameraError, EOFError):
    pass


class CameraRefused(CameraError, RuntimeError):
    pass


class BusError(DeviceError):
    pass


class ServiceError(DeviceError):
    pass


class GuardError(DeviceError):
    pass


class GuardTaken(GuardError):
    pass


class GuardLost(GuardError, ConnectionError):
    pass


class ModelError(JetRacerError, ValueError):
    pass


class ModelNotFound(ModelError, FileNotFoundError):
    pass


class ModelCorrupt(ModelError):
    pass


class CardError(ModelError):
    pass


class EngineRefused(ModelError):
    pass
