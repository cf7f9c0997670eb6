"""Why a whole conversion fails; a single raw file that can't be used is rejected instead (`rejections`)."""


class ConversionError(RuntimeError):
    """The conversion ended without a dataset; the message says why."""


class SourceError(ConversionError):
    """The source as a whole can't be read, or holds nothing."""


class OutputError(ConversionError):
    """The output folder holds something that contradicts what is being written."""


class TooManyRejectedError(ConversionError):
    """More raw files than the contract allows can't be used."""
