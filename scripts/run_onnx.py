"""Recognise image files with an exported model, without objrec and without PyTorch.

    objrec export --model out/mine --out out/mine.onnx
    python scripts/run_onnx.py out/mine.onnx cup.jpg left.png+right.png

It needs numpy, Pillow and onnxruntime. For each image it prints a line of JSON, with energies and
pose as `objrec classify --json --no-refine` gives them. A stereo model takes the files of both
cameras, joined by +. The graph resizes and normalises, so that pixels are handed over as they are.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main() -> None:
    """Print the answer about each image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="an .onnx file that objrec export has written")
    parser.add_argument("images", nargs="+", help="image files; left.png+right.png for stereo")
    arguments = parser.parse_args()
    session, about = opened(arguments.model)
    for name in arguments.images:
        images = np.stack([read(file, about["input"]["colour"]) for file in name.split("+")])
        if len(images) != about["input"]["cameras"]:
            sys.exit(f"{name}: the model takes {about['input']['cameras']} images; join them by +")
        (answer,) = answers(session, about, images[None])
        print(json.dumps({"file": name, **answer}, ensure_ascii=False))


def opened(path: str) -> tuple[onnxruntime.InferenceSession, dict]:
    """Return a session, and what the file says of itself."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    return session, json.loads(session.get_modelmeta().custom_metadata_map["objrec"])


def read(path: str, colour: bool) -> np.ndarray:
    """Return the pixels of a file: uint8 (H, W), or (H, W, 3) for a model of colour."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("L", "1"):
        gray = np.asarray(image.convert("L"))
        return np.repeat(gray[..., None], 3, axis=2) if colour else gray
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert("RGB"))
    if colour:
        return pixels
    # Pillow's own gray has other weights than the model was trained with.
    red, green, blue = np.moveaxis(pixels.astype(np.int32), 2, 0)
    return ((9798 * red + 19235 * green + 3735 * blue + 16384) >> 15).astype(np.uint8)


def answers(session: onnxruntime.InferenceSession, about: dict, images: np.ndarray) -> list[dict]:
    """Recognise images of one size.

    Args:
        session: From `opened`.
        about: Likewise.
        images: uint8 (B, V, H, W), or (B, V, H, W, 3) for a model of colour.
    """
    names = [name for name in about["outputs"] if name != "landscape"]
    found = dict(zip(names, session.run(names, {"images": images}), strict=True))
    rows = []
    for number, category in enumerate(found["category"]):
        row = {"category": about["categories"][category]}
        row["energy"] = float(found["energy"][number])
        for key in ("energies", "probabilities"):
            values = found[key][number].tolist()
            row[key] = dict(zip(about["categories"], values, strict=True))
        pose = found["pose"][number].tolist() if "pose" in found else []
        row["pose"] = dict(zip(about["pose"], pose, strict=True))
        row["unknown"] = bool(found["unknown"][number]) if "unknown" in found else None
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
