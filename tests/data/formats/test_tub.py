import json
import subprocess
import time
from dataclasses import replace

import pytest

from benchmarks.donkey import find_donkey
from jetracer.core.errors import DataError, DeviceError
from jetracer.core.types import Command
from jetracer.data.formats.base import not_carried, read, write
from jetracer.data.formats.tub import Tub
from tests.data.sets import REAL, samples, why


def facts(sample):
    return replace(sample, picture=None)


def catalog(root):
    return root / "catalog_0.catalog"


def change(root, line, text):
    lines = catalog(root).read_text().splitlines()
    lines[line] = text if isinstance(text, str) else json.dumps({**json.loads(lines[line]), **text})
    catalog(root).write_text("\n".join(lines) + "\n")


@pytest.fixture
def tub(tmp_path):
    write(samples(tmp_path / "from", 6, deleted=False), tmp_path / "tub", "tub")
    return tmp_path / "tub"


def test_what_is_written_is_read_back(tmp_path):
    before = samples(tmp_path / "from", 5, boxes=None, aim=None, category="", tags=("pilot",))
    assert not_carried(before, "tub") == []
    assert write(before, tmp_path / "tub", "tub") == []
    after = read(tmp_path / "tub")
    assert (after.format, after.skipped, after.flagged) == ("tub", [], [])
    assert [facts(s) for s in after.samples] == [facts(s) for s in before]


def test_the_files_are_donkeys_to_the_byte(tmp_path):
    one = samples(tmp_path / "from", 1, speed_mps=None, session="26-02-01_0")
    write(one * 1001, tmp_path / "tub", "tub")
    manifest = [json.loads(line) for line in (tmp_path / "tub" / "manifest.json").read_text().splitlines()]
    assert manifest[:3] == [["cam/image_array", "user/angle", "user/throttle", "user/mode"],
                            ["image_array", "float", "float", "str"], {}]
    assert manifest[3]["sessions"] == {"all_full_ids": ["26-02-01_0"], "last_id": 0, "last_full_id": "26-02-01_0"}
    assert manifest[4] == {"paths": ["catalog_0.catalog", "catalog_1.catalog"], "current_index": 1001,
                           "max_len": 1000, "deleted_indexes": []}
    first = catalog(tmp_path / "tub").read_text().splitlines(keepends=True)
    assert first[7] == ('{"_index": 7, "_session_id": "26-02-01_0", "_timestamp_ms": 1700000000000, "cam/image_array": '
                        '"7_cam_image_array_.jpg", "user/angle": -0.25, "user/mode": "user", "user/throttle": 0.5}\n')
    about = json.loads((tmp_path / "tub" / "catalog_0.catalog_manifest").read_text())
    assert about["line_lengths"] == [len(line) for line in first]
    last = json.loads((tmp_path / "tub" / "catalog_1.catalog_manifest").read_text())
    assert (last["start_index"], last["path"], len(last["line_lengths"])) == (1000, "catalog_1.catalog_manifest", 1)


def test_odd_records_are_skipped_by_name(tub):
    change(tub, 0, '{"_index": 0, "cam/ima')
    change(tub, 1, {"user/angle": float("nan")})
    (tub / "images" / "2_cam_image_array_.jpg").unlink()
    torn = tub / "images" / "3_cam_image_array_.jpg"
    torn.write_bytes(torn.read_bytes()[:-9])
    change(tub, 4, {"cam/image_array": None})
    change(tub, 5, {"imu/acl_x": 0.1})
    data = read(tub)
    assert [s.name for s in data.samples] == ["5_cam_image_array_.jpg"]
    assert why(data.skipped) == {
        "catalog_0.catalog line 1": "not a JSON record", "1_cam_image_array_.jpg": "user/angle nan is not in [-1, 1]",
        "2_cam_image_array_.jpg": "there is no such file", "3_cam_image_array_.jpg": "torn: the JPEG has no end",
        "catalog_0.catalog line 5": "has no cam/image_array"}
    assert why(data.flagged) == {"manifest.json": "imu/acl_x is not read (1 records have it)"}


def test_the_pilot_drove_where_the_mode_says_so(tub):
    change(tub, 0, {"user/mode": "local", "pilot/angle": 1.0, "pilot/throttle": 0.25})
    change(tub, 1, {"user/mode": "local_angle", "pilot/angle": -1.0, "pilot/throttle": 0.25})
    first, second, third = read(tub).samples[:3]
    assert (first.command, first.tags) == (Command(1.0, 0.25), ("pilot",))
    assert (second.command, second.tags) == (Command(-1.0, 0.5), ("pilot",))
    assert third.tags == ()


def test_records_are_deleted_and_come_back(tub):
    name = "3_cam_image_array_.jpg"
    assert Tub().set_deleted(tub, {name, "gone.jpg"}, True) == {name}
    assert [s.name for s in read(tub).samples if s.deleted] == [name]
    assert Tub().set_deleted(tub, {name}, False) == {name}
    assert not any(s.deleted for s in read(tub).samples)


@pytest.mark.parametrize("keep", [1, 4, 4.5])
def test_a_manifest_cut_by_a_power_cut_costs_nothing_but_the_deletions(tub, keep):
    lines = (tub / "manifest.json").read_text().splitlines(keepends=True)
    text = "".join(lines[: int(keep)]) + (lines[4][:20] if keep == 4.5 else "")
    (tub / "manifest.json").write_text(text)
    assert len(read(tub).samples) == 6


def test_no_tub_is_one_clear_error(tmp_path):
    (tmp_path / "manifest.json").write_text("hello")
    with pytest.raises(DataError, match="is no tub's manifest"):
        read(tmp_path)


def test_ten_thousand_records_are_read_fast(tmp_path):
    write(samples(tmp_path / "from", 1) * 10_000, tmp_path / "tub", "tub")
    begun_s = time.process_time()  # what others do on this computer is no fault of the reader's
    assert len(read(tmp_path / "tub").samples) == 10_000
    assert 10_000 / (time.process_time() - begun_s) >= 2000


@pytest.fixture(scope="module")
def donkey():
    """Python of an environment that has the package donkeycar."""
    try:
        return find_donkey(install=False)
    except DeviceError as error:
        pytest.skip(str(error))


def run(python, code, *arguments):
    done = subprocess.run([str(python), "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


READ = """
import json, sys
from donkeycar.config import Config
from donkeycar.pipeline.types import TubDataset
config = Config()
config.IMAGE_W, config.IMAGE_H, config.IMAGE_DEPTH = 160, 120, 3
records = TubDataset(config, [sys.argv[1]]).get_records()
print(json.dumps([[r.underlying, list(r.image().shape), int(r.image().mean())] for r in records]))
"""
WRITE = """
import json, sys
import numpy as np
from donkeycar.parts.tub_v2 import TubWriter
inputs = ["cam/image_array", "user/angle", "user/throttle", "user/mode"]
writer = TubWriter(sys.argv[1], inputs, ["image_array", "float", "float", "str"], max_catalog_len=4)
for at in range(10):
    writer.run(np.full((120, 160, 3), 20 * at, np.uint8), at / 10, 0.5, "user")
writer.tub.delete_records([2, 7])
writer.close()
print(json.dumps(writer.tub.manifest.session_id[1]))
"""
APPEND = """
import json, sys
import numpy as np
from donkeycar.parts.tub_v2 import Tub
tub = Tub(sys.argv[1])
keys = dict(zip(tub.manifest.inputs, tub.manifest.types))
tub.input_types = keys
tub.write_record({"cam/image_array": np.zeros((120, 160, 3), np.uint8), "user/angle": 0.0, "user/throttle": 0.0,
                  "user/mode": "user"})
tub.close()
print(len(Tub(sys.argv[1], read_only=True)))
"""


def test_donkeycar_opens_what_we_write(donkey, tmp_path):
    before = samples(tmp_path / "from", 6)
    write(before, tmp_path / "tub", "tub")
    records = run(donkey, READ, tmp_path / "tub")
    assert [r["_index"] for r, _, _ in records] == [0, 2, 3, 4, 5]  # 1 is deleted
    assert [r["user/angle"] for r, _, _ in records] == [s.command.steering for s in before if not s.deleted]
    assert {tuple(shape) for _, shape, _ in records} == {(120, 160, 3)}
    assert run(donkey, APPEND, tmp_path / "tub") == 6
    assert read(tmp_path / "tub").summary()["records"] == 6


def test_we_open_what_donkeycar_writes(donkey, tmp_path):
    session = run(donkey, WRITE, tmp_path / "tub")
    data = read(tmp_path / "tub")
    assert (data.skipped, data.flagged) == ([], [])
    assert [s.command.steering for s in data.samples] == [at / 10 for at in range(10)]
    assert [at for at, s in enumerate(data.samples) if s.deleted] == [2, 7]
    assert {s.session for s in data.samples} == {session}
    assert abs(int(data.samples[5].picture.image().mean()) - 100) <= 1


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no recorded frames in {REAL}; set JETRACER_REAL_DATA")
def test_recorded_donkey_frames_become_a_tub(donkey, tmp_path):
    before = read(REAL / "donkey_track").samples
    assert write(before, tmp_path / "tub", "tub") == []
    records = run(donkey, READ, tmp_path / "tub")
    assert [r["user/angle"] for r, _, _ in records] == pytest.approx([s.command.steering for s in before])
