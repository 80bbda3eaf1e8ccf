"""Dataset distillation into a conditional generator: ``gendistill.load(path)`` opens a distilled set."""

__version__ = "0.1.0"
__all__ = ["Artifact", "GeneratorArtifact", "ImageArtifact", "UserError", "__version__", "load"]

_HOMES = {
    "Artifact": "gendistill.artifact.opened",
    "GeneratorArtifact": "gendistill.artifact.loading",
    "ImageArtifact": "gendistill.artifact.loading",
    "load": "gendistill.artifact.loading",
    "UserError": "gendistill.runtime.errors",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: torch takes over a second, and no command's ``--help`` waits for it."""
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gendistill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
