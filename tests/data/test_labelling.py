import pytest

from jetracer.core.errors import ConfigError
from jetracer.core.types import Aim
from jetracer.data.formats.base import read, write
from jetracer.data.labelling import Labelling
from tests.data.sets import jpeg, samples


@pytest.fixture
def folder(tmp_path):
    for at in range(3):
        jpeg(tmp_path / "set" / f"{at}.jpg", at)
    return tmp_path / "set"


def on_disk(folder):
    return [(s.aim and (s.aim.x, s.aim.y), s.deleted) for s in read(folder, "labelled").samples]


def test_every_change_is_on_the_disk_and_can_be_undone(folder):
    one = Labelling(folder)
    one.label(0, 0.5, -0.25)
    one.delete(1)
    one.label(0, -0.5, 0.0)
    assert on_disk(folder) == [((-0.5, 0.0), False), (None, True), (None, False)]
    assert [one.undo(), one.undo(), one.undo(), one.undo()] == [0, 1, 0, None]
    assert on_disk(folder) == [(None, False)] * 3


def test_labelling_a_deleted_picture_brings_it_back(folder):
    one = Labelling(folder)
    one.delete(1)
    one.label(1, 0.0, 0.0)
    assert on_disk(folder)[1] == ((0.0, 0.0), False)


def test_what_the_file_says_besides_stays(folder):
    (folder / "labels.csv").write_text("file,angle,throttle,mood\n1.jpg,0.5,0.25,sunny\ngone.jpg,0.1,0.1,sad\n")
    Labelling(folder).label(0, 0.25, 0.25)
    lines = (folder / "labels.csv").read_text().splitlines()
    assert lines[0].endswith(",deleted,angle,mood")
    assert [line.split(",")[0] for line in lines[1:]] == ["1.jpg", "gone.jpg", "0.jpg"]
    assert any(line.startswith("gone.jpg") and line.endswith("0.1,sad") for line in lines)
    assert [s.command.steering for s in read(folder).samples if s.command] == [0.5]


def test_a_failed_write_changes_nothing(folder, monkeypatch):
    one = Labelling(folder)
    one.label(0, 0.0, 0.0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ConfigError, match="No space left"):
        one.label(1, 0.5, 0.5)
    with pytest.raises(ConfigError, match="No space left"):
        one.undo()
    assert one.samples[1].aim is None
    assert on_disk(folder)[:2] == [((0.0, 0.0), False), (None, False)]
    monkeypatch.undo()
    assert one.undo() == 0


@pytest.mark.parametrize("at, x, y", [(9, 0, 0), (-1, 0, 0), ("0", 0, 0), (0, 1.5, 0), (0, float("nan"), 0),
                                      (0, "a", 0)])
def test_nonsense_is_refused(folder, at, x, y):
    with pytest.raises(ConfigError):
        Labelling(folder).label(at, x, y)


def test_the_model_proposes(folder):
    one = Labelling(folder, lambda image: (Aim(0.25, 0.5), 0.75))
    assert one.guess(0) == {"x": 0.25, "y": 0.5, "confidence": 0.75}
    assert Labelling(folder).guess(0) is None
    assert Labelling(folder, lambda image: (None, 0.0)).guess(0) is None


def test_sets_of_other_formats_are_imported_first(tmp_path):
    write(samples(tmp_path / "from"), tmp_path / "tub", "tub")
    with pytest.raises(ConfigError, match="jetracer data import"):
        Labelling(tmp_path / "tub")
    with pytest.raises(ConfigError, match="There is no folder"):
        Labelling(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no data set"):
        Labelling(tmp_path / "empty")
