"""Conventions of the renderer, shown with asymmetric markers, and closed forms of its shading."""

import math

import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("embreex")

from objrec.rendering import solids  # noqa: E402
from objrec.rendering.cameras import camera_at, pixel_tangents  # noqa: E402
from objrec.rendering.meshes import RECIPES, Toy, make_toy  # noqa: E402
from objrec.rendering.scenes import (  # noqa: E402
    DISTANCE,
    GROUND_GRAY,
    LIGHTINGS,
    MARGIN,
    STEREO_ANGLE,
    Lighting,
    Look,
    Scene,
)
from objrec.rendering.surfaces import corner_normals  # noqa: E402

SIZE = 64
SKY = Lighting(azimuth=0, elevation=90, strength=0.0, ambient=1.0)  # no lamp, hence no shadow


def scene_of(*parts, gray=0.3):
    return Scene(Toy(trimesh.util.concatenate(parts), gray, "marker", ""))


def plate_with_post(x, y):
    """A plate with a post on it: at the front if x > 0, on the left side if y > 0."""
    plate = solids.box([1.0, 1.0, 0.2], [0, 0, 0.1])
    return scene_of(plate, solids.box([0.15, 0.15, 0.8], [x, y, 0.4]))


def toy_pixels(image):
    ground = round(255 * GROUND_GRAY)
    return np.abs(image.astype(int) - ground) > 3


def post_column(image):
    """Column, from -1 at the left to 1 at the right, of what stands out at the top."""
    rows, columns = np.nonzero(toy_pixels(image))
    return (columns[rows <= rows.min() + 2].mean() + 0.5) / image.shape[1] * 2 - 1


FRONT, LEFT = (0.4, 0.0), (0.0, 0.4)


@pytest.mark.parametrize(
    ("post", "azimuth", "side"),
    [
        (LEFT, 0, 1),  # seen from the front, the toy's left side is on the right
        (LEFT, 90, 0),
        (LEFT, 180, -1),
        (LEFT, 270, 0),
        (FRONT, 0, 0),
        (FRONT, 90, -1),  # from the toy's left side, its front points to the left
        (FRONT, 180, 0),
        (FRONT, 270, 1),
        (FRONT, 45, -1),
    ],
)
def test_azimuth_grows_counter_clockwise_from_the_front(post, azimuth, side):
    image = plate_with_post(*post).render(azimuth, 30, [SKY], SIZE)[0].mean(0)
    column = post_column(image)
    assert abs(column) < 0.05 if side == 0 else column * side > 0.2


@pytest.mark.parametrize(("azimuth", "near"), [(0, False), (180, True)])
def test_what_is_nearer_is_lower_in_the_image(azimuth, near):
    """A low block behind the plate's middle is above the middle of the image, one before below."""
    block = solids.box([0.2, 0.2, 0.05], [-0.6, 0, 0.025])
    ends = solids.box([0.01, 0.01, 0.05], [0.6, 0, 0.025])
    rows, _ = np.nonzero(toy_pixels(scene_of(block, ends).render(azimuth, 60, [SKY], SIZE)[0, 0]))
    assert (np.median(rows) > SIZE / 2) == near


@pytest.mark.parametrize("elevation", [20, 45, 70])
def test_elevation_is_the_angle_above_the_horizon(elevation):
    """The height of an upright post in the image shrinks with the cosine of the elevation."""
    scene = scene_of(solids.box([0.02, 0.02, 1.0], [0, 0, 0.5]))
    rows, _ = np.nonzero(toy_pixels(scene.render(0, elevation, [SKY], 256)[0, 0]))
    a = math.radians(elevation)
    ends = [z * math.cos(a) / (DISTANCE - z * math.sin(a)) for z in (-0.5, 0.5)]
    expected = (ends[1] - ends[0]) * math.sqrt(DISTANCE**2 - 1) / MARGIN / 2
    assert (np.ptp(rows) + 1) / 256 == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("azimuth", "side"), [(90, 1), (270, -1)])
def test_stereo_disparity(azimuth, side):
    """The left camera (0) sees near things further right than the right camera (1) does."""
    pair = plate_with_post(*LEFT).render(azimuth, 30, [SKY], 96)[0]
    assert (post_column(pair[0]) - post_column(pair[1])) * side > 0.02


def test_the_cameras_stand_to_either_side_of_the_azimuth():
    scene = plate_with_post(*LEFT)
    here = scene.render(40, 30, [SKY], SIZE)[0]
    there = scene.render(40 + STEREO_ANGLE, 30, [SKY], SIZE)[0]
    np.testing.assert_array_equal(here[1], there[0])


@pytest.mark.parametrize("azimuth", [0, 130])
@pytest.mark.parametrize(("lamp", "side"), [(-70, -1), (70, 1)])
def test_light_and_shadow_belong_to_the_cameras(azimuth, lamp, side):
    """A ball is bright on the lamp's side, and its shadow lies on the other, from every azimuth."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.4)
    ball.apply_translation([0, 0, 0.4])
    light = Lighting(azimuth=lamp, elevation=40, strength=0.7, ambient=0.2)
    image = scene_of(ball, gray=1.0).render(azimuth, 45, [light], SIZE)[0, 0].astype(float)
    columns = np.arange(SIZE) - SIZE / 2 + 0.5
    outline = toy_pixels(scene_of(ball).render(azimuth, 45, [SKY], SIZE)[0, 0])
    on_ball = image * outline
    assert (on_ball * columns).sum() * side > 0
    dark = (image < 255 * GROUND_GRAY * 0.5) & ~outline
    assert dark.sum() > 30
    assert (dark * columns).sum() * side < 0


def test_a_toy_casts_shadow_on_itself():
    plate, post = (
        solids.box([1.6, 1.6, 0.1], [0, 0, 0.05]),
        solids.box([0.1, 0.1, 0.6], [0, 0, 0.3]),
    )
    light = Lighting(azimuth=90, elevation=45, strength=0.8, ambient=0.2)
    image = scene_of(plate, post, gray=1.0).render(0, 60, [light], SIZE)[0, 0]
    row = image[SIZE // 2 + 3]  # through the foot of the post
    assert row[SIZE // 4 : SIZE // 2 - 4].min() < 60
    assert row[SIZE // 2 + 6 : 3 * SIZE // 4].min() > 150


@pytest.mark.parametrize("light", LIGHTINGS)
def test_flat_ground_and_flat_top_have_their_lambertian_gray(light):
    scene = scene_of(solids.box([0.8, 0.8, 0.1], [0, 0, 0.05]), gray=0.5)
    image = scene.render(0, 80, [light], SIZE)[0, 0]
    full = light.ambient + light.strength * math.sin(math.radians(light.elevation))
    assert image[SIZE // 2, SIZE // 2] == pytest.approx(255 * 0.5 * full, abs=1)
    corners = [image[i, j] for i in (0, -1) for j in (0, -1)]
    np.testing.assert_allclose(corners, min(255, 255 * GROUND_GRAY * full), atol=1)


def test_a_ball_equals_the_analytic_one():
    """Which pixels it covers, and its shading by smoothed normals, from the ray-sphere formula."""
    radius, elevation = 0.5, 50
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    ball.apply_translation([0, 0, radius])
    light = Lighting(azimuth=20, elevation=60, strength=0.8, ambient=0.2)
    image = scene_of(ball, gray=0.9).render(30, elevation, [light], 96, samples=1)[0, 0]

    middle = np.array([0, 0, radius])
    camera = camera_at(30 - STEREO_ANGLE / 2, elevation, middle)
    across = pixel_tangents(96)
    rays = camera.rays(np.tile(across, 96), np.repeat(across, 96)).T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    out = camera.origin - middle
    along = rays @ out
    root = along**2 - out @ out + radius**2
    hit = root > 0
    normals = (out + rays[hit] * (-along[hit] - np.sqrt(root[hit]))[:, None]) / radius
    a, e = np.radians(30 + light.azimuth), np.radians(light.elevation)
    lamp = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    sky = light.ambient * (0.75 + 0.25 * normals[:, 2])
    wanted = 255 * 0.9 * (sky + light.strength * (normals @ lamp).clip(0))
    flat = image.reshape(-1).astype(float)
    inside = root[hit] > 0.01  # the polyhedron is a little smaller than the ball
    # At the edge of its own shade a polyhedron is flat where the ball is round.
    assert np.quantile(np.abs(flat[hit] - wanted)[inside], 0.99) < 2.5
    outline = scene_of(ball).render(30, elevation, [SKY], 96, samples=1)[0, 0].reshape(-1)
    assert (toy_pixels(outline) != hit).mean() < 0.002


def test_smoothed_normals_are_round_on_a_ball_and_flat_on_a_box():
    ball, box = (
        trimesh.creation.icosphere(subdivisions=3),
        solids.box([1, 1, 1], [0, 0, 0]),
    )
    np.testing.assert_allclose(corner_normals(ball), ball.triangles, atol=0.02)
    flat = np.repeat(box.face_normals[:, None], 3, axis=1)
    np.testing.assert_allclose(corner_normals(box), flat, atol=1e-12)


@pytest.mark.parametrize("category", RECIPES)
def test_a_mirror_image_is_the_view_from_the_other_side(category):
    """Azimuth a, cameras swapped and mirrored, is azimuth -a under the mirrored lamp."""
    scene = Scene(make_toy(category, 0))
    light = LIGHTINGS[0]
    other = Lighting(-light.azimuth, light.elevation, light.strength, light.ambient)
    here = scene.render(50, 35, [light], 48)[0].astype(float)
    there = scene.render(-50, 35, [other], 48)[0, ::-1, :, ::-1].astype(float)
    assert np.abs(here - there).mean() < 2
    unmirrored = scene.render(50, 35, [other], 48)[0, ::-1, :, ::-1].astype(float)
    assert np.abs(here - unmirrored).mean() > 5


@pytest.mark.parametrize("category", RECIPES)
def test_a_toy_stays_within_the_frame(category):
    scene = Scene(make_toy(category, 1))
    for azimuth, elevation in ((0, 30), (45, 50), (90, 70), (200, 85)):
        mask = toy_pixels(scene.render(azimuth, elevation, [SKY], SIZE)[0])
        edges = mask[:, [0, -1], :].any() or mask[:, :, [0, -1]].any()
        assert not edges
        assert 0.03 < mask.mean() < 0.7


@pytest.mark.parametrize("elevation", [-1, 91])
def test_cameras_stand_above_the_ground(elevation):
    with pytest.raises(ValueError, match="elevation must be 0 to 90 degrees"):
        plate_with_post(*LEFT).render(0, elevation, [SKY], SIZE)


def test_without_a_ground_an_object_is_seen_from_below():
    scene = plate_with_post(*LEFT)
    look = Look(SIZE, cameras=1, ground=False)
    below, above = (scene.photograph(0, e, [SKY], look)[0] for e in (-60, 60))
    assert toy_pixels(below[0]).any()
    assert below.mean() != above.mean()
    with pytest.raises(ValueError, match="elevation must be -90 to 90"):
        scene.photograph(0, -91, [SKY], look)


def test_images_depend_on_nothing_else():
    views = [Scene(make_toy("car", 2)).render(70, 40, LIGHTINGS, 32) for _ in range(2)]
    np.testing.assert_array_equal(*views)
    assert views[0].shape == (6, 2, 32, 32)
    assert views[0].dtype == np.uint8
    assert len({image.tobytes() for image in views[0][:, 0]}) == 6


LOW_LAMP = Lighting(azimuth=90, elevation=40, strength=0.7, ambient=0.3)


def photograph(elevation=40, backdrop=None, **look):
    """A tall post with a bar across its top, lit from the right."""
    post = solids.box([0.1, 0.1, 1.4], [0, 0, 0.7])
    scene = scene_of(post, solids.box([0.1, 1.4, 0.1], [0, 0, 1.35]), gray=0.5)
    chosen = Look(SIZE, samples=1, cameras=1, **look)
    return scene.photograph(0, elevation, [LOW_LAMP], chosen, backdrop)[0, 0].astype(int)


def meets_any(triangles, origins, rays):
    """Say for each ray (n, 3) whether it meets any of a few triangles."""
    met = np.zeros(len(rays), bool)
    for a, b, c in np.asarray(triangles):
        cross = np.cross(rays, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / (cross @ (b - a))
            u = ((origins - a) * cross).sum(1) * scale
            other = np.cross(origins - a, b - a)
            v, t = (rays * other).sum(1) * scale, other @ (c - a) * scale
            met |= (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-3)
    return met


def test_the_shadow_on_the_ground_is_where_the_lamp_is_hidden():
    """Against Möller and Trumbore's formula for every ray and face; nothing else is dark."""
    post = solids.box([0.1, 0.1, 1.4], [0, 0, 0.7])
    mesh = trimesh.util.concatenate([post, solids.box([0.1, 1.4, 0.1], [0, 0, 1.35])])
    middle = np.array([0, 0, 0.7])
    camera = camera_at(0, 40, middle)
    tangents = pixel_tangents(SIZE)
    rays = camera.rays(np.tile(tangents, SIZE), np.repeat(tangents, SIZE)).T
    points = camera.origin - rays * (camera.origin[2] / rays[:, 2:])
    light = np.array([0, math.cos(math.radians(40)), math.sin(math.radians(40))])
    seen = meets_any(mesh.triangles, np.tile(camera.origin, (len(rays), 1)), rays)
    hidden = meets_any(mesh.triangles, points, np.tile(light, (len(rays), 1)))
    full, ambient = (round(255 * GROUND_GRAY * (0.3 + d)) for d in (0.7 * light[2], 0.0))
    picture = photograph().ravel()
    wanted = np.where(hidden, ambient, full)
    assert hidden[~seen].sum() > 50
    assert (np.abs(picture - wanted)[~seen] > 1).mean() < 0.003
    assert (photograph(shadows=False).ravel()[~seen] == full).all()


def test_without_shadows_an_object_casts_none_on_itself():
    lamp = Lighting(azimuth=0, elevation=80, strength=0.7, ambient=0.3)
    table = (
        solids.box([1, 1, 0.1], [0, 0, 0.05]),
        solids.box([0.5, 0.5, 0.1], [0, 0, 0.9]),
    )
    scene = scene_of(*table, gray=0.8)
    chosen = [Look(SIZE, cameras=1, shadows=shadows) for shadows in (True, False)]
    dark, bright = (scene.photograph(0, 30, [lamp], look)[0, 0].astype(int) for look in chosen)
    assert (dark < bright - 100).sum() > 50
    assert (dark <= bright).all()


def test_a_ground_before_a_picture_is_seen_by_its_shadow_only():
    backdrop = np.full((1, 1, SIZE, SIZE), 0.8)
    backdrop[..., : SIZE // 2] = 0.4
    picture, bare = (
        photograph(backdrop=backdrop),
        photograph(backdrop=backdrop, ground=False),
    )
    assert picture[0, 0] == bare[0, 0] == round(0.4 * 255)
    assert picture[0, -1] == bare[0, -1] == round(0.8 * 255)
    dark = np.flatnonzero((photograph() < photograph(shadows=False) - 20).ravel())
    share = 0.3 / (0.3 + 0.7 * math.sin(math.radians(40)))
    ratio = picture.ravel()[dark] / bare.ravel()[dark]
    assert np.median(ratio) == pytest.approx(share, abs=0.02)


def test_at_the_horizon_the_ground_goes_on_as_the_sky():
    picture = photograph(elevation=0, shadows=False)
    assert len(set(picture[:, 0])) == 1


def test_one_camera_stands_between_the_two():
    scene = Scene(make_toy("car", 0))
    alone = scene.photograph(42, 40, [SKY], Look(SIZE, cameras=1))[0, 0]
    left_of_it = scene.render(42 + STEREO_ANGLE / 2, 40, [SKY], SIZE)[0, 0]
    np.testing.assert_array_equal(alone, left_of_it)
