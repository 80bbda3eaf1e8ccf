from gendistill.artifact.loading import Artifact as Artifact
from gendistill.artifact.loading import load as load
from gendistill.runtime.errors import UserError as UserError

__version__: str
