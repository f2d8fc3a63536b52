"""Each mistake of a user as a row: command, broken input, the one line that is expected.

``{x}`` in a row stands for a path that the fixture `broken` has prepared.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from objrec.saving import CONFIG, WEIGHTS


@pytest.fixture
def broken(photos, small_model, tmp_path) -> dict[str, Path]:
    """Broken inputs by name, each made from a good one by one mistake."""
    made = {"photos": photos, "model": small_model, "out": tmp_path / "out"}
    made |= {"missing": tmp_path / "missing", "empty": tmp_path / "empty"}
    made["empty"].mkdir()
    made["text"] = tmp_path / "text.png"
    made["text"].write_text("no image")
    made["file"] = tmp_path / "file.txt"
    made["file"].write_text("a file")
    made["mesh"] = tmp_path / "mesh.obj"
    made["mesh"].write_text("no mesh")
    made["all_text"] = tmp_path / "all_text"
    for category in ("cup", "car"):
        (made["all_text"] / category).mkdir(parents=True)
        (made["all_text"] / category / "a.png").write_text("no image")
    made["single"] = tmp_path / "single"
    shutil.copytree(photos / "test", made["single"] / "cup")
    (made["single"] / "cup" / "labels.csv").unlink()
    made["strangers"] = tmp_path / "strangers"
    for category in ("lion", "tiger"):
        shutil.copytree(made["single"] / "cup", made["strangers"] / category)
    made |= broken_poses(tmp_path) | broken_labels(tmp_path, photos)
    return made | broken_models(tmp_path, small_model)


def broken_poses(folder: Path) -> dict[str, Path]:
    texts = {
        "turned": "file,azimuth\nbox-3-000.png,0\n",
        "turned_by_words": "file,azimuth\nbox-3-000.png,left\n",
        "turned_twice": "file,azimuth\nbox-3-000.png,0\nbox-3-000.png,45\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return {name: folder / f"{name}.csv" for name in texts}


def broken_labels(folder: Path, photos: Path) -> dict[str, Path]:
    texts = {
        "bad_angle": "file,category,azimuth\nbox-3-000.png,box,abc\n",
        "bad_header": "file,azimuth\nbox-3-000.png,0\n",
        "bad_axis": "file,category,azimut\nbox-3-000.png,box,0\n",
        "no_files": "file,category\nnowhere.png,box\n",
    }
    for name, text in texts.items():
        shutil.copytree(photos / "test", folder / name)
        (folder / name / "labels.csv").write_text(text)
    return {name: folder / name for name in texts}


def broken_models(folder: Path, model: Path) -> dict[str, Path]:
    made = {}
    for name in ("no_weights", "bad_weights", "no_config", "bad_config", "future", "misspelt"):
        made[name] = shutil.copytree(model, folder / name)
    (made["no_weights"] / WEIGHTS).unlink()
    (made["bad_weights"] / WEIGHTS).write_bytes(b"no weights")
    (made["no_config"] / CONFIG).unlink()
    (made["bad_config"] / CONFIG).write_text("{")
    config = json.loads((model / CONFIG).read_text())
    (made["future"] / CONFIG).write_text(json.dumps(config | {"format": 99}))
    config["preprocessing"]["sise"] = 48
    (made["misspelt"] / CONFIG).write_text(json.dumps(config))
    made["stereo"] = shutil.copytree(model, folder / "stereo")
    made["vast"] = shutil.copytree(model, folder / "vast")
    config = json.loads((model / CONFIG).read_text())
    config["model"] |= {"volume_channels": 1024, "depth": 64, "models_per_category": 64}
    (made["vast"] / CONFIG).write_text(json.dumps(config))  # terabytes, if it were believed
    made["deep"] = shutil.copytree(model, folder / "deep")
    (made["deep"] / CONFIG).write_text("[" * 100_000)
    made["device"] = shutil.copytree(model, folder / "device")
    (made["device"] / WEIGHTS).unlink()
    (made["device"] / WEIGHTS).symlink_to("/dev/zero")
    for name, text in (("result", '{"format_version": 2}'), ("twice", '{"a": 1, "a": 2}')):
        made[name] = folder / f"{name}.json"
        made[name].write_text(text)
    return made


ROWS = [
    # What is on these images?
    ("classify {missing}.jpg", "{missing}.jpg: no such file or folder; check the path"),
    ("classify {missing}/*.jpg", "{missing}/\\*.jpg: no such file or folder; check the path"),
    ("classify {empty}", "{empty}: holds no images; add --recursive for its subfolders, or write"),
    ("classify {empty} --recursive", "{empty}: holds no images, or write '{empty}@test'"),
    ("classify {photos}@tset", "{photos}: has no split 'tset'; did you mean 'test'\\?"),
    ("classify {photos}@test:99", "{photos}@test:99: there is no 99; the samples are 0 to 15"),
    ("classify {text} --hypotheses 0", "invalid value for '--hypotheses'.*see 'objrec classify"),
    (
        "classify {text} --model {model} --device gpu",
        "--device: 'gpu' is not to be had here; use auto or cpu",
    ),
    # A new category
    (
        "learn {missing}.jpg --name x --model {model} --out {out}",
        "{missing}.jpg: no such file or folder; check the path",
    ),
    (
        "learn {text} --name x --model {model} --out {out}",
        "learn: none of the 1 images can be read; the first is {text}: ",
    ),
    (
        "learn {photos}@test:0 --name box --model {model} --out {out}",
        "--name: the model has 'box' already; choose another name",
    ),
    (
        "learn {photos}@test:0 --name x --model {model} --out {file}",
        "{file}: is a file; give a folder for the model",
    ),
    (
        "learn {photos}@test:0 --name x --model {model} --out {photos}",
        "{photos}: is not empty; give a new folder, or use --force",
    ),
    (
        "learn {photos}/test/cross-3-045.png --name x --model {model} --out {out} --poses {turned}",
        "{turned}: does not list {photos}/test/cross-3-045.png; add a line for it",
    ),
    ("learn {photos}@test:0 --model {model} --out {out}", "missing option '--name'"),
    # Several images of one object
    (
        "classify {photos}@test:0-1 --step 45 --model {model}",
        "--step: is for several images of one object; add --together",
    ),
    (
        "classify {photos}@test:0-1 --poses {turned} --model {model}",
        "--poses: is for several images of one object; add --together",
    ),
    (
        "classify {photos}@test:0-1 --together --step 45 --poses {turned} --model {model}",
        "--step: --poses says how the object is turned; leave one of them out",
    ),
    ("classify {text} --together --step far --model {model}", "invalid value for '--step'"),
    (
        "classify {text} --together --model {model}",
        "none of the 1 images can be read; the first is {text}: ",
    ),
    (
        "classify {photos}@test:0-1 --together --poses {missing}.csv --model {model}",
        "{missing}.csv: cannot be read \\(No such file",
    ),
    (
        "classify {photos}@test:0-1 --together --poses {turned} --model {model}",
        "turned.csv: does not list .*box-3-045.png; add a line for it",
    ),
    (
        "classify {photos}@test:0 --together --poses {turned_by_words} --model {model}",
        "turned_by_words.csv:2: azimuth 'left' is not a number; write degrees",
    ),
    (
        "classify {photos}@test:0 --together --poses {turned_twice} --model {model}",
        "turned_twice.csv:3: lists box-3-000.png a second time; remove one",
    ),
    # Model folders
    ("classify {text} --model {missing}", "{missing}: no such model folder; give one that objrec"),
    ("classify {text} --model {file}", "{file}: no such model folder; give one that objrec"),
    ("classify {text} --model {empty}", "{empty}: no config.json in it; give a folder that objrec"),
    ("classify {text} --model {no_config}", "{no_config}: no config.json in it; give a folder"),
    ("classify {text} --model {no_weights}", "{no_weights}/model.safetensors: no such file; "),
    ("classify {text} --model {bad_weights}", "model.safetensors: not readable as safetensors"),
    ("classify {text} --model {bad_config}", "config.json: not readable as JSON"),
    ("classify {text} --model {future}", "config.json: format 99, but this objrec reads format 2"),
    ("classify {text} --model {misspelt}", "unknown setting 'sise'; did you mean 'size'\\?"),
    ("classify {text} --model {vast}", "references.volumes' has shape .*, not .*; wrong config.js"),
    ("classify {text} --model {deep}", "config.json: not readable as JSON \\(nested too deeply\\)"),
    ("classify {text} --model {device}", "{device}/model.safetensors: no such file; the model fol"),
    # Results
    ("report {missing}.json", "{missing}.json: cannot be read \\(No such file"),
    ("report {result}", "{result}: missing key bootstrap, both_right, .*; evaluate again"),
    ("report {twice}", "{twice}: not valid JSON \\('a' is listed twice\\); evaluate again"),
    ("report {empty}", "{empty}: not valid JSON \\(not a file\\); evaluate again"),
    # Training
    ("train {missing} --out {out}", "{missing}: no such folder; check the path"),
    ("train {file} --out {out}", "{file}: is a file; name the folder of the data set"),
    ("train {empty} --out {out}", "{empty}: .*no images"),
    ("train {all_text} --out {out}", "{all_text}: none of the 2 images can be read; the first is"),
    ("train {single} --out {out}", "{single}: .*two categories.*"),
    ("train {bad_angle} --out {out}", "labels.csv:2: azimuth 'abc' is not a number; write degrees"),
    ("train {bad_header} --out {out}", "labels.csv: has no column 'category'"),
    ("train {bad_axis} --out {out}", "labels.csv: unknown column 'azimut'; did you mean 'azimuth'"),
    ("train {no_files} --out {out}", "none of the 1 files that labels.csv lists exists"),
    ("train {photos} --out {file}", "{file}: is a file; give a folder for the model"),
    ("train {photos} --out {model}", "{model}: holds a model already; use --force"),
    ("train {photos} --out {strangers}", "{strangers}: is not empty; give a new folder, or use"),
    ("train {photos} --out {out} --split val", "{photos}: has no split 'val'"),
    ("train {photos} --out {out} --epochs 0", "--epochs: epochs must be at least 1"),
    ("train {photos} --out {out} --lr fast", "--lr: 'fast' is not a number"),
    ("train {photos} --out {out} --loss hing", "--loss: loss 'hing' is none of .*; did you mean"),
    ("train {photos} --out {out} --tolerance 0.2", "tolerance 0.2 leaves labels between grid"),
    ("train {photos} --out {out} --baseline vgg", "'vgg' is not one of 'cnn', 'cnn-pose'; see"),
    ("train {photos} --out {out} --folds 1", "invalid value for '--folds'"),
    ("train {photos} --out {out} --symmetric bx", "--symmetric: the set has no category 'bx'"),
    ("train {photos} --out {out} --weights {missing} --features resnet18", "{missing}: "),
    ("train {photos} --out {out} --epoch-count 3", "no such option.*--epochs"),
    # Calibration
    ("calibrate {missing} --model {model}", "{missing}: no such folder; check the path"),
    ("calibrate {photos} --model {missing}", "{missing}: no such model folder; give one that"),
    ("calibrate {photos} --model {model}", "{photos}: has no split 'val'; name one of train, test"),
    ("calibrate {photos} --model {model} --split vla", "{photos}: has no split 'vla'"),
    ("calibrate {strangers} --model {model}", "no image is of a category known to the model; the"),
    (
        "calibrate {photos} --model {model} --split test --false-alarms 1.5",
        "invalid value for '--false-alarms'.*see 'objrec calibrate --help'",
    ),
    ("calibrate {photos}", "missing option '--model'; see 'objrec calibrate --help'"),
    # Evaluation
    ("evaluate {missing} --model {model} --out {out}", "{missing}: no such folder; check the path"),
    (
        "evaluate {all_text} --model {model} --out {out}",
        "no image is of a category known to the model; the set",
    ),
    (
        "evaluate {strangers} --model {model} --out {out}",
        "no image is of a category known to the model; the set",
    ),
    ("evaluate {photos} --model {empty} --out {out}", "{empty}: no config.json in it"),
    ("evaluate {photos} --model {model} --out {out} --exclude-pose bos", "did you mean 'box'"),
    (
        "evaluate {photos} --model {model} --out {out} --together 1 two",
        "--together: 'two' is no number of images; write 1 2 3 5 8",
    ),
    (
        "evaluate {photos} --model {model} --out {out} --together 0",
        "--together: '0' is no number of images; write 1 2 3 5 8",
    ),
    ("evaluate {photos} --model {model} --out {file}", "{file}.*(is a file|cannot be written)"),
    ("evaluate {photos} --model {model}", "missing option '--out'; see 'objrec evaluate --help'"),
    # Data sets
    ("data info {missing}", "{missing}: no such folder; check the path"),
    ("data info {empty}", "{empty}: .*no images"),
    ("data convert {missing} {out} --to folder", "{missing}: no such folder; check the path"),
    ("data convert {all_text} {out} --to folder", "a.png: is not an image"),
    ("data convert {photos} {file} --to folder", "{file}: is a file; name a folder for the set"),
    ("data make-toys {empty} --categories cop", "--categories: .*'cop'.*did you mean 'cup'"),
    ("data make-toys {strangers}", "{strangers}: .*not empty"),
    # Sets from meshes
    ("render {missing} --out {out}", "{missing}: no such file or folder; check the path"),
    ("render {empty} --out {out}", "{empty}: holds no meshes; it needs category/instance.obj"),
    ("render {file} --out {out}", "{file}: is a file; say what it is with --category"),
    ("render {file} --out {out} --category x", "{file}: is no mesh; the formats are .glb, .gltf,"),
    ("render {mesh}", "missing option '--out'; see 'objrec render --help'"),
    ("render {mesh} --out {out} --category x --up w", "--up: up 'w' is none of x, -x, y"),
    ("render {mesh} --out {out} --category x --up z --front -z", "up z and front -z lie on one"),
    ("render {mesh} --out {out} --category x --azimuth-step 50", "azimuth_step 50 does not divide"),
    ("render {mesh} --out {out} --category x --elevations -9", "-9 is below the ground; add --no-"),
    ("render {mesh} --out {out} --category x --views sphere --format norb", "use --format folder"),
    ("render {mesh} --out {out} --category x --test-instances 1.5", "1.5 is neither a whole"),
    ("render {mesh} --out {out} --category x --background {empty}", "{empty}: holds no images for"),
    ("render {mesh} --out {out} --category x", "{mesh}: holds no faces; export triangles"),
    # Export
    ("export --model {missing} --out {out}", "{missing}: no such model folder; give one that"),
    ("export --model {model}", "missing option '--out'; see 'objrec export --help'"),
    ("export --model {model} --out {file}", "{file}: exists already; name another file, or use"),
    ("export --model {model} --out {empty}", "{empty}: is a folder; name a file"),
    ("export --model {model} --out {out} --size 48", "--size: '48' is no size; write height x"),
    ("export --model {model} --out {out} --format tflite", "'tflite' is not one of 'onnx', 'torch"),
    (
        "export --model {model} --out {out} --format torchexport --quantize {photos}",
        "--quantize: is for --format onnx; leave one of them out",
    ),
    ("export --model {model} --out {out} --quantize {missing}", "{missing}: no such folder; check"),
    (
        "export --model {model} --out {out} --quantize {photos} --size 48x48",
        "--quantize: the set has images of 32x32, --size is 48x48; leave --size out",
    ),
    # Explanations
    ("explain {missing}.png --model {model} --out {out}.html", "{missing}.png: no such file or"),
    ("explain {text} --model {model} --out {out}.html", "{text}: is not an image"),
    ("explain {text} --model {model}", "missing option '--out'; see 'objrec explain --help'"),
    (
        "explain {text} --model {model} --out {out}.pdf",
        "{out}.pdf: an explanation's name ends in \\.html or \\.png",
    ),
    (
        "explain {photos}@test --model {model} --out {out}.html",
        "{photos}@test: stands for 16 images; name one, as in SET@SPLIT:3",
    ),
    ("explain {photos}@test:99 --model {model} --out {out}.html", "there is no 99; the samples"),
    ("explain {text} --model {empty} --out {out}.html", "{empty}: no config.json in it; give a"),
    ("explain {photos}@test:1 --model {model} --out {file}/a.png", "{file}/a.png: cannot be writ"),
]


@pytest.mark.parametrize(("words", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_a_mistake_is_one_line_and_code_2(command, broken, words, sentence):
    ran = command(*(word.format(**broken) for word in words.split()))
    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert ran.err.startswith("objrec: ")
    assert ran.err.count("\n") == 1, ran.err
    wanted = sentence.format(**{name: re.escape(str(path)) for name, path in broken.items()})
    assert re.search(wanted, ran.err), ran.err
    assert not broken["out"].exists(), "a refused command leaves nothing behind"


def test_one_camera_where_two_are_needed(command, photos, tmp_path):
    """The mistake that other systems take without a word."""
    pytest.importorskip("embreex")
    toys, model = tmp_path / "toys", tmp_path / "model"
    small = ["--train-instances", 1, "--test-instances", 1, "--azimuth-step", 180, "--size", 16]
    small += ["--elevations", 1, "--categories", "cup,car", "--samples", 1]
    assert command("data", "make-toys", toys, *small).code == 0
    assert command("train", toys, "--out", model, "--epochs", 1, "--baseline").code == 0
    picture = sorted((photos / "test").glob("*.png"))[0]
    alone = command("classify", picture, "--model", model)
    assert alone.code == 1
    assert alone.err.startswith(f"objrec: {picture}: ")
    assert "the model takes stereo pairs" in alone.err
    pair = command("classify", f"{picture}+{picture}", "--model", model)
    assert pair.code == 0
