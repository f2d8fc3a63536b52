"""Film a toy on a turntable: a real video file whose true angles are known.

python scripts/turntable_video.py out/mug.mp4 --category cup --elevation 30 --azimuth 40

The toy turns clockwise seen from above, so that the camera goes round it counter-clockwise, once,
from the azimuth that is asked for. The frames are 640 x 480, a little darker in the corners, with
the noise of a sensor, in a warm light. The suffix chooses the format: .mp4 and .mov (mp4v), .avi
and .mkv (MJPG). Needs the extra 'render'.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from objrec.rendering.meshes import make_toy
from objrec.rendering.scenes import LIGHTINGS, Lighting, Scene

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "MJPG"}
WARM = np.array([1.0, 0.96, 0.88])
LAMP = LIGHTINGS[4]  # high above: the shadow stays near the toy


@dataclass(frozen=True)
class Film:
    """What is filmed, and how.

    Attributes:
        azimuth: Degrees, of the camera in the first frame.
        turn: Degrees that the camera goes round, counter-clockwise; 360 ends one step before the
            first frame, less ends with the last one.
        side: Pixels of the square in the middle of the frame that the toy fills.
        noise: Gray levels, standard deviation.
        vignette: Share of the light that the corners lack.
    """

    category: str = "cup"
    instance: int = 0
    seed: int = 0
    elevation: float = 30.0
    azimuth: float = 0.0
    turn: float = 360.0
    frames: int = 180
    width: int = 640
    height: int = 480
    side: int = 340
    noise: float = 2.5
    vignette: float = 0.12
    lamp: Lighting = LAMP

    @property
    def azimuths(self) -> np.ndarray:
        """The true azimuths (frames,) in degrees."""
        whole = self.turn % 360 == 0
        steps = self.frames if whole else self.frames - 1
        return (self.azimuth + self.turn * np.arange(self.frames) / steps) % 360


def film(wanted: Film) -> Iterator[np.ndarray]:
    """Make the frames, uint8 (height, width, 3) RGB, one after the other."""
    scene = Scene(make_toy(wanted.category, wanted.instance, wanted.seed))
    rng = np.random.default_rng(wanted.seed)
    y = np.linspace(-1, 1, wanted.height)[:, None]
    x = np.linspace(-1, 1, wanted.width)[None]
    light = (1 - wanted.vignette * (x**2 + y**2) / 2)[..., None] * WARM
    for azimuth in wanted.azimuths:
        stereo = scene.render(azimuth, wanted.elevation, [wanted.lamp], wanted.side)[0]
        pixels = placed(stereo[0], wanted.height, wanted.width)[..., None] * light
        noisy = pixels + wanted.noise * rng.standard_normal(pixels.shape)
        yield noisy.round().clip(0, 255).astype(np.uint8)


def placed(square: np.ndarray, height: int, width: int) -> np.ndarray:
    """Put a square image in the middle of a frame that goes on as its edge does."""
    rows, columns = height - len(square), width - len(square)
    around = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return np.pad(square, around, constant_values=np.median(square[0]))


def write_video(path: Path, frames: Iterator[np.ndarray], rate: float = 30.0) -> None:
    """Write RGB frames as the kind of video that the suffix names."""
    writer = None
    for pixels in frames:
        if writer is None:
            code = cv2.VideoWriter_fourcc(*CODECS[path.suffix])
            writer = cv2.VideoWriter(str(path), code, rate, pixels.shape[1::-1])
            if not writer.isOpened():
                raise SystemExit(f"{path}: cannot be written here; try .avi")
        writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if writer is not None:
        writer.release()


def main() -> None:
    """Film one toy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="a new file: .mp4, .mov, .avi, .mkv")
    for name in ("category", "instance", "seed", "elevation", "azimuth", "turn", "frames"):
        default = getattr(Film, name)
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"[{default}]")
    choices = vars(parser.parse_args())
    out = choices.pop("out")
    if out.suffix not in CODECS:
        raise SystemExit(f"{out}: the name must end in {', '.join(CODECS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_video(out, film(Film(**choices)))
    print(f"{out}: {choices['frames']} frames")


if __name__ == "__main__":
    main()
