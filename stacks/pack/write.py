"""Write the pack of an assembly, beside its templates; ``make synth`` does."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from models.picture import in_the_dark
from stacks.assembly import read
from stacks.pack import icons
from stacks.pack.diagrams import DARK, DARK_TEXT, diagrams
from stacks.pack.sheets import sheets

_RENDER = Path(__file__).with_name("render.mjs")
_FOLDER = "pack"
_HEAD = """\
# The reviewer's pack

Written by `make synth` from the templates beside it; which context publishes an event is taken from the code. Nothing
in it is typed by hand, but for what each store holds, the prices, the workload and the quotas' defaults.

"""


class PackError(Exception):
    """The pack cannot be written; the message says the remedy."""


def write_pack(assembly_folder: Path) -> Path:
    """Write the pack of an assembly, and return its folder.

    Raises
    ------
    AssemblyUnreadableError
        If the folder holds no assembly.
    PackError
        If the pictures cannot be drawn.
    """
    assembly, folder = read(assembly_folder), assembly_folder / _FOLDER
    folder.mkdir(exist_ok=True)
    index = _HEAD
    for name, text in sheets(assembly, assembly_folder):
        (folder / f"{name}.md").write_text(text)
        index += f"- [{text.partition(chr(10))[0].removeprefix('# ')}]({name}.md)\n"
    graphs = dict(diagrams(assembly))
    draw(graphs, folder=folder)
    index += "".join(f"- ![{name}]({name}.svg)\n" for name in graphs)
    (folder / "README.md").write_text(index)
    return folder


def draw(graphs: Mapping[str, str], *, folder: Path) -> None:
    """Draw graphs, by name, into SVG files of a folder.

    Raises
    ------
    PackError
        If they cannot be drawn.
    """
    written = {folder / f"{name}.dot": graph for name, graph in graphs.items()}
    for path, graph in written.items():
        path.write_text(graph)
    try:
        # The virtual environment's node.
        subprocess.run(["node", str(_RENDER), *map(str, written)], check=True, capture_output=True, text=True)
        pictures = {path.with_suffix(".svg"): path.with_suffix(".svg").read_text() for path in written}
        known = icons.read({name for svg in pictures.values() for name in icons.named(svg)})
        style = in_the_dark(DARK, unnamed_text=DARK_TEXT)
        for picture, svg in pictures.items():
            picture.write_text(icons.embedded(svg, known).replace("<g id=", f"{style}\n<g id=", 1))
    except (OSError, subprocess.CalledProcessError, icons.IconsMissingError) as error:
        said = getattr(error, "stderr", "") or str(error)
        message = f"no picture can be drawn: run `make setup`, which brings what draws them ({said.strip()})"
        raise PackError(message) from error
    finally:
        for path in written:
            path.unlink()
