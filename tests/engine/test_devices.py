"""What the table decides, and in which words."""
from __future__ import annotations

import pytest

from jetracer.core.errors import ConfigError, ModelError, UnknownName
from jetracer.engine.devices import (
    DEVICES,
    check_tensorrt,
    choose_precision,
    cpu_name,
    device,
    device_here,
    for_gpu,
    free_memory_mb,
    parse_version,
    workspace_mb,
)

OLD, TEN, ELEVEN = (8, 2, 1), (10, 3), (11, 4)


@pytest.mark.parametrize("name, version, asked, model, precision, words", [
    ("nano", OLD, "int8", "fp32", "fp16", "this Nano has no INT8: building FP16"),
    ("nano", OLD, "auto", "fp32", "fp16", "Nano calculates in FP16: building FP16"),
    ("tx2", OLD, "int8", "fp32", "fp16", "this TX2 has no INT8: building FP16"),
    ("orin-nano", TEN, "auto", "int8", "int8", "the model holds its INT8 scales: building INT8"),
    ("orin-nano", TEN, "fp32", "fp32", "fp32", "building FP32, as asked for"),
    ("orin-agx", TEN, "auto", "fp16", "fp16", "the model is in FP16: its types are kept"),
    ("thor", ELEVEN, "auto", "fp32", "fp16", "Thor calculates in FP16: building FP16"),
    ("thor", ELEVEN, "fp32", "fp32", "fp32", "building FP32, as asked for"),
    ("thor", ELEVEN, "auto", "fp16", "fp16", "the model is in FP16: its types are kept"),
    ("thor", ELEVEN, "int8", "int8", "int8", "the model holds its INT8 scales: building INT8"),
])
def test_precision(name, version, asked, model, precision, words):
    assert choose_precision(device(name), version, asked, model) == (precision, words)


@pytest.mark.parametrize("name, version, asked, model, words", [
    ("nano", OLD, "auto", "int8", "in INT8, which Nano cannot calculate: build the one that it was quantised from"),
    ("orin-nano", TEN, "int8", "fp32", "holds no INT8 scales"),
    ("orin-nano", TEN, "fp16", "int8", "for FP16 build the one that it was quantised from"),
])
def test_what_cannot_be_built_as_asked(name, version, asked, model, words):
    with pytest.raises(ModelError, match=words):
        choose_precision(device(name), version, asked, model)


@pytest.mark.parametrize("board, name", [
    ("NVIDIA Jetson Nano Developer Kit", "nano"),
    ("NVIDIA Jetson Nano 2GB Developer Kit", "nano"),
    ("NVIDIA Jetson TX2 Developer Kit", "tx2"),
    ("quill", "tx2"),
    ("NVIDIA Jetson Xavier NX Developer Kit", "xavier-nx"),
    ("Jetson-AGX", "xavier-agx"),
    ("NVIDIA Jetson AGX Xavier Developer Kit", "xavier-agx"),
    ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "orin-nano"),
    ("NVIDIA Orin Nano Developer Kit", "orin-nano"),
    ("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", "orin-nx"),
    ("NVIDIA Jetson AGX Orin Developer Kit", "orin-agx"),
    ("NVIDIA Jetson AGX Thor Developer Kit", "thor"),
    ("Raspberry Pi 4 Model B Rev 1.4", "cpu"),
])
def test_the_board_is_known_by_its_name(board, name, tmp_path):
    model = tmp_path / "proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_text(f"{board}\0")
    assert device_here(tmp_path).name == name


def test_a_pc_is_known_by_its_driver(tmp_path):
    assert device_here(tmp_path).name == "cpu"
    driver = tmp_path / "proc/driver/nvidia/version"
    driver.parent.mkdir(parents=True)
    driver.touch()
    assert device_here(tmp_path).name == "x86-gpu"


@pytest.mark.parametrize("capability, fp16, int8", [
    ("5.2", False, False), ("5.3", True, False), ("6.1", False, True), ("6.2", True, False), ("7.0", True, True),
    ("8.6", True, True), ("11.0", True, True),
])
def test_a_pcs_gpu_may_be_of_any_age(capability, fp16, int8):
    kind = for_gpu(device("x86-gpu"), capability, 8192)
    assert (kind.fp16, kind.int8, kind.memory_gb) == (fp16, int8, 8)


@pytest.mark.parametrize("row", [row for row in DEVICES.values() if row.boards], ids=lambda row: row.name)
def test_each_row_agrees_with_its_compute_capability(row):
    asked = for_gpu(row, row.capability, 4096)
    assert (asked.fp16, asked.int8) == (row.fp16, row.int8)
    assert row.oldest < row.newest


@pytest.mark.parametrize("name, free_mb, size", [
    ("nano", None, 128), ("nano", 200, 32), ("nano", 20, 16), ("orin-nano", None, 256), ("thor", None, 1024),
])
def test_workspace_leaves_memory_to_the_others(name, free_mb, size):
    assert workspace_mb(device(name), free_mb) == size


def test_free_memory_of_a_jetson_counts_what_caches_give_back(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4059712 kB\nMemFree: 90000 kB\nMemAvailable:    2048000 kB\n")
    assert free_memory_mb(device("nano"), 90, tmp_path) == 2000
    assert free_memory_mb(device("x86-gpu"), 90, tmp_path) == 90


def test_versions_that_a_board_cannot_have():
    assert check_tensorrt(device("orin-agx"), (11, 4, 0)) == ""
    assert "up to 10.16 for Orin Nano; 11.4 may not run" in check_tensorrt(device("orin-nano"), (11, 4))
    with pytest.raises(ModelError, match=r"no TensorRT 10.3 for Nano: its last JetPack has 8\.2"):
        check_tensorrt(device("nano"), TEN)
    with pytest.raises(ModelError, match=r"no TensorRT 8.2 for Thor: its first is 10\.13"):
        check_tensorrt(device("thor"), OLD)


def test_words_that_are_no_version_or_device():
    assert parse_version("8.2.1.9") == (8, 2, 1, 9)
    for text in ("eight", "8", ""):
        with pytest.raises(ConfigError, match="is no version of TensorRT"):
            parse_version(text)
    with pytest.raises(UnknownName, match="did you mean 'orin-nano'"):
        device("orinnano")


@pytest.mark.parametrize("told, name", [
    ("model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f\n", "AMD EPYC, avx2, avx512f"),
    ("processor : 0\nFeatures : fp asimd asimddp\nCPU part : 0xd42\n\nprocessor : 1\nCPU part : 0xd42\n",
     "ARM 0xd42, asimddp"),
    ("", "unknown"),
])
def test_the_processor(told, name, tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(told)
    assert cpu_name(tmp_path) == name
