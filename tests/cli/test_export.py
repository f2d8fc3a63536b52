"""``objrec export``: what it writes and prints. What is in the file: tests/export."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")


def test_a_file_is_written_and_compared(command, small_model, tmp_path):
    out = tmp_path / "new" / "small.onnx"
    ran = command("export", "--model", small_model, "--out", out)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert ran.out.splitlines()[-1] == f"file: {out}"
    assert "energies differ by" in ran.out
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["objrec"])
    assert (told["model"], told["categories"]) == (small_model.name, ["box", "cross"])
    assert [path.name for path in out.parent.iterdir()] == ["small.onnx"]


@pytest.mark.slow
def test_a_quantized_file_of_one_size_replaces_another(command, small_model, photos, tmp_path):
    out = tmp_path / "small.onnx"
    out.write_text("old")
    words = ["export", "--model", small_model, "--out", out, "--size", "32x32"]
    assert command(*words, "--quantize", photos).code == 2
    assert out.read_text() == "old"
    ran = command(*words, "--quantize", photos, "--force")
    assert ran.code == 0, ran.err
    assert "int8: images compared" in ran.out
    assert out.stat().st_size > 10_000
