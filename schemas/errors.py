"""Every error a user can meet, with one root, so that the command line can catch them all.

Three kinds of trouble are kept apart. Bad *rows* are never exceptions: they carry
a reason code (`schemas.columns.Reason`) and become dead letters. Bad
*configuration, schemas or files* raise one of the errors below, with a text that
names the value, the place and the remedy. *Broken invariants* are assertions:
the process stops and recovers.
"""


class FraudError(Exception):
    """Root of all errors that are meant to be read by a person."""


class ConfigError(FraudError):
    """The configuration cannot be used; the text lists every problem at once."""


class SchemaError(FraudError):
    """A schema cannot be used for the role it was given, or is not where it should be."""


class IncompatibleSchemaError(SchemaError):
    """A new schema version would break readers or writers of an older one."""


class SnapshotError(FraudError):
    """A state or a snapshot is damaged, or is not one of such a model; nothing was changed."""


class StorageError(FraudError):
    """A file of ours cannot be written, or not be read; what was there before is still whole."""


class StoreError(FraudError):
    """Redis, or a place of copies, refused or did not answer within its bound; scoring goes on."""


class AdminError(FraudError):
    """The admin port cannot be opened; nothing was begun."""


class RecoveryError(FraudError):
    """A worker cannot become what the one before it was; nothing was published or changed."""


class ModelError(FraudError):
    """A model cannot be built or used as it was asked for."""


class TrainedModelError(ModelError):
    """A model has learned already, and what is built of it would not know that."""


class InputFileError(FraudError):
    """A file cannot be read as a stream of transactions."""


class ProcessError(FraudError):
    """A process that did part of the work ended before it was done; nothing of it is left."""


class RuleError(FraudError):
    """Rules cannot be used; the text lists every problem at once, each with its place."""


class BrokerError(FraudError):
    """Kafka refused or did not answer within its bound."""


class DeliveryError(BrokerError):
    """A record that must not be lost was not acknowledged.

    Operator action: offsets were not committed past the record, so restart the
    worker once the cause is mended; it repeats the work and loses nothing.
    """


class TransactionError(BrokerError):
    """A transaction was not committed, or nobody knows whether it was.

    The engine has gone on meanwhile, so its worker is of no use any more: the next one
    takes up what was kept, finds out what is committed, and publishes the rest.
    """


class FencedError(BrokerError):
    """Another worker has this one's place; what this one had not committed is void.

    Operator action: none if a successor was started; else see that only one worker runs.
    """


class UnsupportedGuaranteeError(ConfigError):
    """A delivery guarantee was asked of a broker that cannot keep it."""
