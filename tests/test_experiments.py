"""The aggregation of experiments (scripts/experiments/) against plain loops, on a made-up pool."""

import json
import sys
from itertools import product

import numpy as np
import pytest

from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty_scores import auroc

CATEGORIES = ["apple", "cow", "cup"]
VIEWS = 5  # an odd number of images a category has one best offset
BOOTSTRAP = Bootstrap(resamples=60, seed=0)


def answers(rng, objects: list[str], order: list[str], *, poses: bool) -> dict[str, np.ndarray]:
    """Random answers to five views of each object; labels count in the model's own order."""
    shown = np.array([name for name in objects for _ in range(VIEWS)])
    labels = np.array([order.index(name.split("/")[0]) for name in shown])
    n = len(shown)
    true = np.full((n, 6), np.nan, np.float32)
    true[:, 0], true[:, 1] = rng.uniform(0, 360, n), rng.uniform(0, 60, n)
    true[0, 0] = np.nan  # one label is missing
    found = {
        "test_energies": rng.normal(size=(n, len(order))).astype(np.float16),
        "test_labels": labels,
        "test_objects": shown,
        "test_true_poses": true,
    }
    if poses:
        given = true + rng.normal(size=true.shape).astype(np.float32) * 60
        found |= {"test_given": given, "test_refined": given + 1}
    return found


def several(rate: float) -> list[dict]:
    row = {"how": "added", "counts": [1, 2], "groups": 4, "objects": 2}
    return [row | {"error_rate": [rate, rate / 2], "error_rate_ci": [[0, 2 * rate], [0, rate]]}]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Two folds and two seeds of two kinds, a protocol of views, and a category left out."""
    folder, rng = tmp_path_factory.mktemp("pool"), np.random.default_rng(1)
    (folder / "arrays").mkdir()
    rows = [{"key": "broken", "failed": "Traceback"}]

    def add(kind, part, seed, arrays, categories, **more):
        key = f"{kind}-{part}-{seed}".replace(":", "_").replace("/", "_")
        np.savez_compressed(folder / "arrays" / f"{key}.npz", **arrays)
        facts = {"recipe": {}, "parameters": 10, "epochs": 2, "train_images": 9, "reference_gap": 1}
        facts |= {"train_seconds": 3.0 + seed, "feature_variance": 0.5, "categories": categories}
        hardware = {"cpu": "AMD", "threads": 1, "device": "cpu"}
        row = {"key": key, "set": "made", "variant": "base", "kind": kind, "part": part}
        rows.append({**row, "seed": seed, **facts, "hardware": hardware, **more})

    for kind, seed in product(("energy", "cnn"), (0, 1)):
        order = CATEGORIES if kind == "energy" else CATEGORIES[::-1]
        for fold in (0, 1):
            objects = [f"{name}/{fold}" for name in CATEGORIES]
            made = answers(rng, objects, order, poses=kind == "energy")
            add(kind, f"fold:{fold}", seed, made, order, several=several(0.2 + 0.2 * seed))
        objects = [f"{name}/{i}" for name in CATEGORIES for i in (7, 8, 9)]
        made = answers(rng, objects, order, poses=kind == "energy")
        novel = np.arange(len(made["test_labels"])) % 3 == 0
        add(kind, "latent-pose", seed, made | {"test_novel": novel}, order)
        for left_out in CATEGORIES:
            known = [name for name in order if name != left_out]
            seen = [name for name in objects if not name.startswith(left_out)]
            made = answers(rng, seen, known, poses=False)
            strange = {"unknown_objects": np.repeat([f"{left_out}/{i}" for i in (7, 8, 9)], VIEWS)}
            strange["unknown_energies"] = np.float16(rng.normal(0.5, 1, (3 * VIEWS, 2)))
            add(kind, f"unknown:{left_out}", seed, made | strange, known)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def summary(script):
    return script("experiments.summary")


@pytest.fixture(scope="module")
def trainings(summary, pool):
    found = summary.read_pools([pool])
    assert found.failed == ["broken"]
    return found.rows


@pytest.fixture(scope="module")
def found(summary, trainings):
    return {
        e["question"]: e for e in summary.summary(trainings, ["apple"], BOOTSTRAP)["experiments"]
    }


def arrays_of(rows, starts: str, kind: str | None = None):
    """(row, arrays) of the trainings of a part."""
    for row in rows:
        if row["part"].startswith(starts) and kind in (None, row["kind"]):
            yield row, dict(np.load(row["arrays"]))


def wrong_by_image(rows, kind: str, starts: str) -> dict[tuple[str, int], list[bool]]:
    """(object, number of the view) → whether each training is wrong."""
    table: dict[tuple[str, int], list[bool]] = {}
    for _, arrays in arrays_of(rows, kind=kind, starts=starts):
        seen: dict[str, int] = {}
        for energies, label, name in zip(
            arrays["test_energies"], arrays["test_labels"], arrays["test_objects"], strict=True
        ):
            view = seen[name] = seen.get(name, -1) + 1
            table.setdefault((name, view), []).append(list(energies).index(min(energies)) != label)
    return table


def drawn_errors(table, draws: Bootstrap) -> np.ndarray:
    """The error in every draw, image by image."""
    keys = sorted(table)
    names = np.array([name for name, _ in keys])
    categories = np.array([name.split("/")[0] for name, _ in keys])
    drawn = draws.draws(names, categories)
    rates = []
    for times in drawn.times:
        weights = [int(times[drawn.index[i]]) for i in range(len(keys))]
        wrong = [np.mean(table[key]) for key in keys]
        rates.append(sum(w * e for w, e in zip(weights, wrong, strict=True)) / sum(weights))
    return np.array(rates)


@pytest.mark.parametrize(
    ("part", "question"),
    [
        ("full", "full"),
        ("fold:3", "folds"),
        ("fold:3/sparse-azimuth", "folds/sparse-azimuth"),
        ("fold:3/unknown:cow", "folds/unknown"),
        ("unknown:cow", "unknown"),
        ("objects:2", "objects:2"),
    ],
)
def test_parts_belong_to_questions(summary, part, question):
    assert sys.modules[summary.grouped.__module__].question_of(part) == question


def test_folds_are_pooled_and_seeds_averaged(found, trainings):
    for kind in ("energy", "cnn"):
        table = wrong_by_image(trainings, kind, "fold:")
        assert len(table) == 2 * 3 * VIEWS and {len(wrong) for wrong in table.values()} == {2}
        figures = found["folds"]["kinds"][kind]["errors"]["error"]
        assert figures["mean"] == pytest.approx(
            np.mean([np.mean(w) for w in table.values()]), abs=1e-5
        )
        by_seed = [np.mean([wrong[seed] for wrong in table.values()]) for seed in (0, 1)]
        assert list(figures["by_seed"].values()) == pytest.approx(by_seed, abs=1e-5)
        by_fold = [
            np.mean([w for (name, _), w in table.items() if name.endswith(f"/{fold}")])
            for fold in (0, 1)
        ]
        assert list(figures["by_fold"].values()) == pytest.approx(by_fold, abs=1e-5)
        ends = np.quantile(drawn_errors(table, BOOTSTRAP), [0.025, 0.975])
        assert figures["ci"] == pytest.approx(ends, abs=1e-5)


def test_kinds_are_compared_in_pairs(found, trainings):
    one, other = (wrong_by_image(trainings, kind, "fold:") for kind in ("energy", "cnn"))
    drawn, others = drawn_errors(one, BOOTSTRAP), drawn_errors(other, BOOTSTRAP)
    apart = found["folds"]["against"]["cnn"]["error"]
    errors = [np.mean([np.mean(w) for w in table.values()]) for table in (one, other)]
    assert apart["difference"] == pytest.approx(errors[1] - errors[0], abs=1e-5)
    assert apart["ratio"] == pytest.approx(errors[0] / errors[1], abs=1e-5)
    ends = np.quantile(others - drawn, [0.025, 0.975])
    assert apart["difference_ci"] == pytest.approx(ends, abs=1e-5)
    ordered = sorted(drawn / others)
    assert apart["ratio_ci"] == pytest.approx([ordered[1], ordered[58]], abs=1e-5)
    beyond = min((others <= drawn).sum(), (others >= drawn).sum())
    assert apart["p_value"] == pytest.approx(min(1, 2 * (beyond + 1) / 61), abs=1e-5)


def test_only_trainings_of_both_kinds_are_compared(summary, trainings):
    some = [
        r for r in trainings if r["kind"] == "energy" or (r["part"], r["seed"]) == ("fold:1", 1)
    ]
    some = [r for r in some if r["part"].startswith("fold:")]
    (one,) = summary.summary(some, [], BOOTSTRAP)["experiments"]
    shared = [r for r in some if (r["part"], r["seed"]) == ("fold:1", 1)]
    errors = {
        r["kind"]: (a["test_energies"].argmin(1) != a["test_labels"]).mean()
        for r, a in arrays_of(shared, starts="fold:")
    }
    apart = one["against"]["cnn"]["error"]
    assert apart["trainings"] == 1
    assert apart["difference"] == pytest.approx(errors["cnn"] - errors["energy"], abs=1e-5)


def azimuths(rows, starts: str):
    """Per training: (category, error in degrees, signed) of images with a label, no apples."""
    for row, arrays in arrays_of(rows, kind="energy", starts=starts):
        listed = []
        for given, true, label in zip(
            arrays["test_given"][:, 0].astype(float),
            arrays["test_true_poses"][:, 0].astype(float),
            arrays["test_labels"],
            strict=True,
        ):
            category = row["categories"][label]
            if category != "apple" and not np.isnan(true):
                listed.append((category, (given - true + 180) % 360 - 180))
        yield row["seed"], listed


def test_pose_figures_leave_out_symmetric_categories(found, trainings):
    pose = found["folds"]["kinds"]["energy"]["pose"]["grid"]
    off: dict[int, list[float]] = {0: [], 1: []}
    for seed, listed in azimuths(trainings, "fold:"):
        off[seed] += [abs(error) for _, error in listed]
    together = np.array(off[0] + off[1])
    assert len(together) == 2 * 2 * 2 * VIEWS
    assert pose["within30"] == pytest.approx((together <= 30).mean(), abs=1e-5)
    assert pose["opposite"] == pytest.approx((together >= 150).mean(), abs=1e-5)
    median = (np.median(off[0]) + np.median(off[1])) / 2
    assert pose["azimuth_median"] == pytest.approx(median, abs=1e-3)
    assert "aligned30" not in pose and "pose" not in found["folds"]["kinds"]["cnn"]


def test_unlabelled_poses_are_aligned_by_training_and_category(found, trainings):
    pose, shares = found["latent-pose"]["kinds"]["energy"]["pose"]["grid"], []
    for _, listed in azimuths(trainings, "latent-pose"):
        for category in ("cow", "cup"):
            own = np.array([error for name, error in listed if name == category])
            turned = [np.abs((own - offset + 180) % 360 - 180) for offset in own]
            best = min(turned, key=lambda errors: errors.sum())
            shares.append((best <= 30 + 1e-4).mean())
    assert pose["aligned30"] == pytest.approx(np.mean(shares), abs=1e-5)


def test_views_are_told_apart(found, trainings):
    table = wrong_by_image(trainings, "cnn", "latent-pose")
    places = {key: i for i, key in enumerate(table)}  # in the order of the set
    novel = [np.mean(wrong) for key, wrong in table.items() if places[key] % 3 == 0]
    familiar = [np.mean(wrong) for key, wrong in table.items() if places[key] % 3]
    errors = found["latent-pose"]["kinds"]["cnn"]["errors"]
    assert errors["error novel"]["mean"] == pytest.approx(np.mean(novel), abs=1e-5)
    assert errors["error familiar"]["mean"] == pytest.approx(np.mean(familiar), abs=1e-5)


def test_unknown_objects_by_category_and_in_the_mean(found, trainings):
    rows = {(row["model"], row["score"]): row for row in found["unknown"]["unknown"]}
    assert rows.keys() == {
        ("energy", "lowest energy"), ("cnn", "maximum softmax"), ("cnn", "energy score")
    }  # fmt: skip
    areas: dict[str, list[float]] = {}
    for row, arrays in arrays_of(trainings, kind="energy", starts="unknown:"):
        known, unknown = (arrays[f"{s}_energies"].min(1).tolist() for s in ("test", "unknown"))
        wins = [(u > k) + (u == k) / 2 for k in known for u in unknown]
        areas.setdefault(row["part"].removeprefix("unknown:"), []).append(np.mean(wins))
    energy = rows["energy", "lowest energy"]
    for category, each in areas.items():
        found_there = energy["categories"][category]["auroc"]
        assert found_there == pytest.approx(np.mean(each), abs=1e-5)
    assert energy["auroc"] == pytest.approx(np.mean(list(areas.values())), abs=1e-5)
    cnn = rows["cnn", "energy score"]
    assert cnn["difference"] == pytest.approx(energy["auroc"] - cnn["auroc"], abs=3e-5)
    assert energy["auroc_ci"][0] < energy["auroc"] < energy["auroc_ci"][1]


def test_a_drawn_area_is_that_of_images_repeated_as_drawn(summary, trainings):
    unknown = sys.modules[summary.unknown_figures.__module__]
    row = next(r for r in trainings if r["key"] == "energy-unknown_cow-0")
    told = unknown.told_apart(row)
    names = sorted({*told.known, *told.unknown})
    places = {name: i for i, name in enumerate(names)}
    times = np.random.default_rng(0).integers(0, 3, (20, len(names))).astype(float)
    times[:, [places["apple/7"], places["cow/7"]]] = (
        1  # some known and some unknown object in every draw
    )
    areas = unknown.drawn_areas(told, "lowest energy", places, times)
    known, strange = told.scores["lowest energy"]
    assert areas[0] == pytest.approx(auroc(known, strange))
    for drawn, area in zip(times, areas[1:], strict=True):
        repeated = [
            np.repeat(scores, [int(drawn[places[name]]) for name in shown])
            for scores, shown in ((known, told.known), (strange, told.unknown))
        ]
        assert area == pytest.approx(auroc(*repeated))


def test_worst_objects(found, trainings):
    tables = [wrong_by_image(trainings, kind, "fold:") for kind in ("energy", "cnn")]
    names = {name for name, _ in tables[0]}
    errors = {
        name: [np.mean([np.mean(w) for (n, _), w in t.items() if n == name]) for t in tables]
        for name in names
    }
    worst = found["folds"]["worst"]["objects"]
    assert len(worst) == len(names) == found["folds"]["worst"]["of"]
    means = [np.mean(errors[row["object"]]) for row in worst]
    assert means == sorted(means, reverse=True)
    for row in worst:
        assert list(row["errors"].values()) == pytest.approx(errors[row["object"]], abs=1e-5)
        assert row["called"] != row["category"] == row["object"].split("/")[0]
    assert found["folds"]["worst"]["carried"] == {"energy": 1.0, "cnn": 1.0}


def test_several_images_and_costs_are_means_over_seeds(found):
    figures = found["folds"]["kinds"]["energy"]
    (row,) = figures["several"]
    assert row["error_rate"] == pytest.approx([0.3, 0.15])
    assert row["error_rate_ci"] == [pytest.approx([0, 0.6]), pytest.approx([0, 0.3])]
    assert (figures["train_seconds"], figures["hardware"]) == (3.5, ["AMD, 1 thread"])


def test_tables_are_written_from_such_results(script, summary, trainings, tmp_path, monkeypatch):
    folds = [row for row in trainings if row["part"].startswith("fold:")]
    losses = [
        row | {"variant": f"loss log {lr}", "recipe": {"loss": "log", "soft": True, "lr": lr}}
        for row, lr in product(folds, (0.1, 0.2))
        if (row["kind"], row["seed"]) == ("energy", int(lr == 0.2))
    ]
    variants = [row | {"variant": "wider", "recipe": {"features": "medium"}} for row in folds]
    made = [row | {"set": "render5"} for row in [*trainings, *losses, *variants]]
    tables, goals = script("quality_tables"), script("quality_goals")
    monkeypatch.setattr(goals, "RESULTS", tmp_path)
    (tmp_path / "experiments.json").write_text(
        json.dumps(summary.summary(made, ["apple"], BOOTSTRAP))
    )
    rows = {name: list(table())[2:] for name, table in tables.TABLES.items()}
    assert len(rows["unknown-categories"]) == len(CATEGORIES) + 2
    changed = {row.split(" | ")[0]: row.split(" | ")[1] for row in rows["variants-render5"]}
    assert changed == {"| base": "what the search began with", "| wider": "features medium"}
    errors = [np.mean(list(wrong_seed(folds, seed))) for seed in (0, 1)]
    (row,) = rows["losses-tuned"]
    assert row.split(" | ")[:3] == ["| log", "free energies", f"lr {[0.1, 0.2][np.argmin(errors)]}"]
    assert row.split(" | ")[3].startswith(f"{100 * min(errors):.1f} % (")
    assert row.split(" | ")[4] == f"{100 * max(errors):.1f}"
    asked = [row for row in rows["questions"] if "a category left out" in row]
    assert all("not measured" in row for row in asked)  # only the defaults answer questions


def wrong_seed(rows, seed: int):
    """Which answers of the energy model are wrong, image by image, with one seed."""
    for row, arrays in arrays_of(rows, starts="fold:", kind="energy"):
        if row["seed"] == seed:
            yield from arrays["test_energies"].argmin(1) != arrays["test_labels"]


def test_the_script_writes_a_small_file(summary, pool, tmp_path, monkeypatch, capsys):
    out = tmp_path / "experiments.json"
    monkeypatch.setattr(sys, "argv", ["summary.py", str(pool), "--out", str(out)])
    summary.main()
    written = json.loads(out.read_text())
    assert [e["question"] for e in written["experiments"]] == ["folds", "latent-pose", "unknown"]
    assert out.stat().st_size < 40_000
    assert "broken: failed" in capsys.readouterr().err
