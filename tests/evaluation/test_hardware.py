import os

import pytest
import torch

from objrec.evaluation.hardware import _processor_name, describe_hardware


def test_hardware_is_described_for_people():
    facts = describe_hardware()
    assert facts["cpu"] and facts["device"] == "cpu"
    assert 1 <= facts["cores"] <= os.cpu_count()
    assert facts["threads"] == torch.get_num_threads()
    assert facts["torch"] == torch.__version__


def test_processor_name_is_read_from_cpuinfo(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast: 3000\nmodel name\t: Fast: 3000\n")
    assert _processor_name(cpuinfo) == "Fast: 3000"


@pytest.mark.parametrize("text", [None, "BogoMIPS : 50\n"])
def test_processor_name_has_a_fallback(tmp_path, text):
    cpuinfo = tmp_path / "cpuinfo"
    if text is not None:
        cpuinfo.write_text(text)
    assert _processor_name(cpuinfo)
