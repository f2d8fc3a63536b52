"""Files written block by block against the format's bytes, and against arrays written at once."""

import gzip

import numpy as np
import pytest

from objrec.datasets.norb.matrix import read_matrix
from objrec.datasets.norb.reading import read_norb, write_norb
from objrec.datasets.norb.writing import NorbWriter
from objrec.errors import DataError

KINDS = ("dat", "cat", "info")


def samples(count, width=4, dtype=np.int64):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 2, 3, 5), dtype=np.uint8)
    return images, np.arange(count) % 5, (rng.integers(0, 5, (count, width)) * 2).astype(dtype)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("sizes", [(7,), (1, 6), (3, 0, 3, 1)])
def test_blocks_give_the_bytes_of_the_whole(tmp_path, norb, compress, sizes):
    images, labels, info = samples(7)
    with NorbWriter(tmp_path, "x-training", compress=compress) as writer:
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            block = slice(end - size, end)
            writer.add(images[block], labels[block], info[block])
    wanted = {
        "dat": norb.bytes("<", norb.BYTES, images.shape, images.ravel().tolist()),
        "cat": norb.bytes("<", norb.INTEGERS, (7,), labels.tolist()),
        "info": norb.bytes("<", norb.INTEGERS, (7, 4), info.ravel().tolist()),
    }
    end = ".mat.gz" if compress else ".mat"
    assert names(tmp_path) == sorted(f"x-training-{kind}{end}" for kind in KINDS)
    for kind in KINDS:
        written = (tmp_path / f"x-training-{kind}{end}").read_bytes()
        assert (gzip.decompress(written) if compress else written) == wanted[kind]


def test_compressed_files_are_always_the_same(tmp_path):
    for name in ("a", "b"):
        write_norb(tmp_path, name, *samples(5), compress=True)
    for kind in KINDS:
        one, other = (tmp_path / f"{name}-{kind}.mat.gz" for name in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
def test_parts_are_read_as_one(tmp_path, compress, size):
    images, labels, info = samples(12, width=10)
    writer = NorbWriter(tmp_path, "x-training", compress=compress, part_samples=size)
    with writer:
        for start in range(0, 12, 5):
            block = slice(start, start + 5)
            writer.add(images[block], labels[block], info[block])
    numbers = range(1, -(-12 // size) + 1)
    end = ".mat.gz" if compress else ".mat"
    assert names(tmp_path) == sorted(f"x-training-{n:02d}-{k}{end}" for n in numbers for k in KINDS)
    dataset = read_norb(tmp_path)
    assert np.array_equal([dataset[i].images for i in range(12)], images)
    assert dataset.labels.tolist() == labels.tolist()
    assert dataset.factors["lumination"].tolist() == [str(v) for v in info[:, 6]]


@pytest.mark.parametrize(
    ("dtypes", "stored"),
    [(("i8", "i4"), "i4"), (("f4", "f4"), "f4"), (("f8", "f4"), "f8"), (("i4", "f8"), "f8"),
     (("f2", "f2"), "f4"), (("u1", "i2"), "i4")],
)  # fmt: skip
def test_info_is_stored_as_whole_numbers_if_all_are(tmp_path, dtypes, stored):
    images, labels, info = samples(4, width=10)
    with NorbWriter(tmp_path, "x") as writer:
        for i, dtype in enumerate(dtypes):
            block = slice(2 * i, 2 * i + 2)
            writer.add(images[block], labels[block], info[block].astype(dtype))
    found = read_matrix(tmp_path / "x-info.mat")
    assert found.dtype == stored
    assert np.array_equal(found, info)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_is_broken_off_leaves_nothing(tmp_path, compress, reason):
    def broken_off():
        with NorbWriter(tmp_path, "x", compress=compress, part_samples=2) as writer:
            writer.add(*samples(5))
            raise reason("stop")

    with pytest.raises(reason, match="stop"):
        broken_off()
    assert names(tmp_path) == []


def test_nothing_is_there_before_all_is(tmp_path):
    writer = NorbWriter(tmp_path, "x", part_samples=2)
    writer.add(*samples(5))
    assert not list(tmp_path.glob("x*"))
    writer.close()
    assert len(list(tmp_path.glob("x*"))) == 9


def test_an_older_file_that_would_be_read_instead_is_removed(tmp_path):
    write_norb(tmp_path, "x", *samples(5))
    write_norb(tmp_path, "x", *samples(3), compress=True)
    assert names(tmp_path) == [f"x-{kind}.mat.gz" for kind in sorted(KINDS)]
    assert len(read_norb(tmp_path)) == 3
    write_norb(tmp_path, "x", *samples(4))
    assert names(tmp_path) == [f"x-{kind}.mat" for kind in sorted(KINDS)]


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    with pytest.raises(DataError, match=r"gone: cannot be written \(No such file or directory\)"):
        write_norb(tmp_path / "gone", "x", *samples(3))


def test_arrays_that_do_not_fit_are_a_programmers_mistake(tmp_path):
    images, labels, info = samples(2)
    with pytest.raises(ValueError, match=r"images must be uint8 \(N, V, H, W\), not float64"):
        write_norb(tmp_path, "a", images.astype(float), labels, info)
    with pytest.raises(ValueError, match=r"2 images, but \(3,\) labels"):
        write_norb(tmp_path, "a", images, np.zeros(3, int), info)
    with pytest.raises(ValueError, match=r"2 images, but \(2,\) labels and \(2, 5\) info"):
        write_norb(tmp_path, "a", images, labels, np.zeros((2, 5), int))
    with pytest.raises(ValueError, match=r"no samples were added"):
        NorbWriter(tmp_path, "a").close()
    with pytest.raises(ValueError, match=r"part_samples must be at least 1, not 0"):
        NorbWriter(tmp_path, "a", part_samples=0)
    with NorbWriter(tmp_path, "a") as writer:
        writer.add(images, labels, info)
        with pytest.raises(ValueError, match=r"form \(2, 3, 4, 4\) cannot follow samples of \(2,"):
            writer.add(images[..., :4], labels, info)
    assert len(read_norb(tmp_path)) == 2
