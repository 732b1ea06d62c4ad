import pytest

from jetracer.core.errors import ConfigError, DataError
from jetracer.data.picture import Picture
from jetracer.data.sample import Sample
from jetracer.data.split import FILE, read_split, split, write_split


def made(sessions, hz=20.0):
    return [Sample(Picture(f"{session}-{at}.jpg"), t_s=at / hz, session=session)
            for session, count in sessions.items() for at in range(count)]


def test_sessions_stay_whole_and_the_share_is_met():
    samples = made({f"s{at}": 50 for at in range(10)})
    train, val = split(samples, 0.2).apply(samples)
    assert (len(train), len(val)) == (400, 100)
    assert not {s.session for s in train} & {s.session for s in val}


def test_it_depends_on_names_and_seed_alone():
    samples = made({f"s{at}": 10 for at in range(8)})
    assert split(samples, 0.25) == split(samples, 0.25)
    assert set(split(samples[::-1], 0.25).val) == set(split(samples, 0.25).val)
    assert len({split(samples, 0.25, seed).val for seed in range(8)}) > 1


def test_sessions_of_very_different_length_are_split_in_time():
    samples = made({"long": 1000, "short": 10})
    for seed in range(6):
        one = split(samples, 0.2, seed)
        train, val = one.apply(samples)
        assert (one.by, len(val)) == ("time", 202)
        assert {s.session for s in train} == {"long"}


def test_one_session_is_split_in_time_with_a_gap():
    samples = made({"only": 200})
    one = split(samples, 0.2)
    train, val = one.apply(samples)
    assert (one.by, len(val)) == ("time", 40)
    assert min(s.t_s for s in val) - max(s.t_s for s in train) >= 1.0
    untimed = [Sample(s.picture, session="x") for s in samples]
    train, val = split(untimed, 0.2).apply(untimed)
    assert (len(train), len(val)) == (150, 40)
    assert val[-1].name == "only-199.jpg"


def test_it_is_written_down_and_read_back(tmp_path):
    one = split(made({"a": 5, "b": 5}))
    assert read_split(tmp_path) is None
    assert write_split(one, tmp_path) == tmp_path / FILE
    assert read_split(tmp_path) == one
    (tmp_path / FILE).write_text('{"by": "session"}')
    with pytest.raises(DataError, match="jetracer data split"):
        read_split(tmp_path)


@pytest.mark.parametrize("samples, share", [(made({"a": 9}), 0.0), (made({"a": 9}), 1.0), (made({"a": 1}), 0.2)])
def test_what_cannot_be_split_is_one_clear_error(samples, share):
    with pytest.raises(ConfigError):
        split(samples, share)
