"""Types and shapes that agcam's annotations state are checked while tests run."""

from pathlib import Path

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parent.parent / "src"

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as for mypy


def check():
    """Check every call of the modules that state shapes, from their import on."""
    modules = (
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
        if "from jaxtyping import" in path.read_text()
    )
    install_import_hook([name for name in modules if name != "agcam"], "shapes.checked")
