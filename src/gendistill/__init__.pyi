from gendistill.artifact.loading import GeneratorArtifact as GeneratorArtifact
from gendistill.artifact.loading import ImageArtifact as ImageArtifact
from gendistill.artifact.loading import load as load
from gendistill.artifact.opened import Artifact as Artifact
from gendistill.runtime.errors import UserError as UserError

__version__: str
