from __future__ import annotations

import pytest

from neptuner.errors import InputError
from neptuner.files.gpumd_version import LATEST, GpumdVersion


@pytest.mark.parametrize(
    ("text", "version", "written"),
    [
        ("v4.9", GpumdVersion(4, 9), "4.9"),
        ("5.6", GpumdVersion(5, 6), "5.6"),
        (" 3.9.5 ", GpumdVersion(3, 9, 5), "3.9.5"),
        ("V4.9.1", GpumdVersion(4, 9, 1), "4.9.1"),
        ("v5.10", GpumdVersion(5, 10), "5.10"),
    ],
)
def test_parse(text: str, version: GpumdVersion, written: str) -> None:
    assert GpumdVersion.parse(text) == version
    assert str(version) == written


@pytest.mark.parametrize("text", ["", "5", "v5.x", "5.6-beta", "5.6.1.2", "\u0665.\u0666"])
def test_refuses_other_texts(text: str) -> None:
    with pytest.raises(InputError, match="is not a version of GPUMD"):
        GpumdVersion.parse(text)


def test_order() -> None:
    texts = ["3.9", "3.9.5", "4.0", "4.9", "4.9.1", "5.2", "5.6", "5.10"]
    versions = [GpumdVersion.parse(text) for text in texts]
    assert sorted(set(versions)) == versions
    assert versions[-2] < LATEST


@pytest.mark.parametrize(
    ("predicate", "last_without", "first_with"),
    [
        ("has_dump_xyz", "3.9.5", "4.0"),
        ("dump_xyz_takes_interval_first", "5.6", "5.7"),
        ("dump_xyz_writes_groups", "4.1", "4.2"),
        ("minimizes_cell", "3.9.5", "4.0"),
        ("writes_headers", "5.5", "5.6"),
        ("rdf_has_all_pairs", "4.8", "4.9"),
        ("thermo_has_12_columns", "4.0", "3.9.5"),
        ("runs_nep3", "5.3", "5.2"),
        ("runs_nep5", "3.9.5", "4.0"),
        ("reads_l_max_flags", "5.2", "5.3"),
        ("has_all_invariants", "5.3", "5.4"),
        ("has_cutoffs_by_element", "4.6", "4.7"),
        ("has_cutoffs_by_radius", "3.9.4", "3.9.5"),
        ("has_cutoffs_by_radius", "4.7", "4.6"),
    ],
)
def test_what_changed_when(predicate: str, last_without: str, first_with: str) -> None:
    assert not getattr(GpumdVersion.parse(last_without), predicate)
    assert getattr(GpumdVersion.parse(first_with), predicate)
