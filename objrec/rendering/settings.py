"""What a set rendered from meshes consists of: the settings of ``objrec render``.

Nothing here needs trimesh: the settings must be readable, by ``--help`` too, where the extra
``render`` is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from objrec.errors import SettingsError
from objrec.options import Settings, option

GRID, SPHERE = "grid", "sphere"
FOLDER, NORB = "folder", "norb"
PLAIN, NOISE = "plain", "noise"
DIRECTIONS = ("x", "-x", "y", "-y", "z", "-z")


@dataclass(frozen=True)
class ViewSettings(Settings):
    """Views and light."""

    views: str = option(
        GRID, "a grid of angles, or views spread evenly over a sphere", choices=(GRID, SPHERE)
    )
    azimuth_step: float = option(
        20.0, "grid: degrees from one azimuth to the next", minimum=0.5, maximum=360.0
    )
    elevations: tuple[float, ...] = option(
        (30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0),
        "grid: degrees above the horizon",
        minimum=-90.0,
        maximum=90.0,
    )
    count: int = option(200, "sphere: views of each object", minimum=1, maximum=100_000)
    min_elevation: float = option(
        0.0, "sphere: lowest degrees above the horizon", minimum=-90.0, maximum=90.0
    )
    max_elevation: float = option(80.0, "sphere: highest", minimum=-90.0, maximum=90.0)
    lamps: int = option(
        1, "lamps drawn for each view out of six, an image for each", minimum=1, maximum=6
    )

    def check(self) -> None:
        """Refuse angles that do not go round, and empty or repeated ones."""
        turns = 360 / self.azimuth_step
        if abs(turns - round(turns)) > 1e-6:
            raise SettingsError(
                f"settings: azimuth_step {self.azimuth_step:g} does not divide 360; "
                "use 10, 20, 30, …"
            )
        if not self.elevations or len(set(self.elevations)) < len(self.elevations):
            raise SettingsError("settings: elevations must name at least one, and none twice")
        if self.min_elevation > self.max_elevation:
            raise SettingsError(
                f"settings: min_elevation {self.min_elevation:g} is above max_elevation "
                f"{self.max_elevation:g}; exchange them"
            )

    @property
    def lowest(self) -> float:
        """The lowest elevation, in degrees."""
        return min(self.elevations) if self.views == GRID else self.min_elevation


@dataclass(frozen=True)
class PictureSettings(Settings):
    """Images."""

    size: int = option(96, "side of the images in pixels", minimum=16, maximum=1024)
    samples: int = option(2, "rays a pixel in each direction", minimum=1, maximum=8)
    cameras: int = option(1, "1, or 2 for stereo pairs 4 degrees apart", minimum=1, maximum=2)
    ground: bool = option(True, "the object stands on a plane; elevations then begin at 0")
    shadows: bool = option(True, "shadows are cast, on the plane and on the object itself")
    background: str = option(
        PLAIN, "plain, noise, or a folder of images of which each view shows part"
    )
    colour: str = option(
        "auto",
        "auto: colour if any mesh has some, otherwise gray",
        choices=("auto", "gray", "colour"),
    )


@dataclass(frozen=True)
class FrameSettings(Settings):
    """How the meshes are turned."""

    frame: str = option(
        "file",
        "file: as --up and --front say; principal: by each mesh's principal axes",
        choices=("file", "principal"),
    )
    up: str | None = option(
        None, "axis that points up; auto: y in glTF files, z in others", choices=DIRECTIONS
    )
    front: str | None = option(
        None,
        "axis that points to the front; auto: z in glTF files, x in others",
        choices=DIRECTIONS,
    )

    def check(self) -> None:
        """Refuse a front along the upright axis, and a front beside principal axes."""
        if self.frame == "principal" and self.front is not None:
            raise SettingsError(
                "settings: front is decided by frame principal; leave out one of them"
            )
        if self.up and self.front and self.up[-1] == self.front[-1]:
            raise SettingsError(
                f"settings: up {self.up} and front {self.front} lie on one axis; correct one"
            )

    def directions(self, *, gltf: bool) -> tuple[str, str]:
        """Return the axes (up, front) of a file, with the defaults of its format filled in.

        The glTF standard says that y is up and z the front. Others say nothing: z and x, as in
        `objrec.rendering.meshes`. Where one is given, the other default stays if it fits.
        """
        up, front = self.up or ("y" if gltf else "z"), self.front or ("z" if gltf else "x")
        if up[-1] == front[-1]:
            if self.front:
                up = "z" if front[-1] != "z" else "y"
            else:
                front = "x" if up[-1] != "x" else "y"
        return up, front


@dataclass(frozen=True)
class SetSettings(Settings):
    """The set."""

    format: str = option(
        FOLDER, "a folder with labels.csv, or small NORB files (gray)", choices=(FOLDER, NORB)
    )
    test_instances: float = option(
        0.0, "objects of each category to test on: a number, or a share below 1", minimum=0.0
    )
    seed: int = option(0, "random seed: light, backgrounds, paint, which objects test", minimum=0)

    def check(self) -> None:
        """Refuse a number of objects that is not whole."""
        if self.test_instances > 1 and self.test_instances % 1:
            raise SettingsError(
                f"settings: test_instances {self.test_instances:g} is neither a whole number nor "
                "a share below 1"
            )


@dataclass(frozen=True)
class RenderSettings:
    """All that decides what a set looks like."""

    views: ViewSettings = field(default_factory=ViewSettings)
    pictures: PictureSettings = field(default_factory=PictureSettings)
    frame: FrameSettings = field(default_factory=FrameSettings)
    set: SetSettings = field(default_factory=SetSettings)

    def checked(self) -> RenderSettings:
        """Refuse what no single part can know.

        Raises:
            SettingsError: Parts contradict each other.
        """
        if self.pictures.ground and self.views.lowest < 0:
            raise SettingsError(
                f"settings: elevation {self.views.lowest:g} is below the ground; add --no-ground"
            )
        if self.set.format == NORB:
            if self.views.views == SPHERE:
                raise SettingsError(
                    "settings: small NORB files hold a grid of views, not a sphere; "
                    "use --format folder"
                )
            if self.pictures.colour == "colour":
                raise SettingsError(
                    "settings: small NORB files hold gray images; use --format folder"
                )
        return self

    def to_json(self) -> dict[str, dict]:
        """Return the settings as plain values, part by part."""
        return {name: part.to_json() for name, part in vars(self).items()}
