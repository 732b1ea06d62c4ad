import pytest

from jetracer.cli.parser import Parser
from jetracer.core.errors import ConfigError


@pytest.fixture
def parser():
    parser = Parser(prog="jetracer verb")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--colour", choices=("red", "blue"))
    jobs = parser.add_subparsers(dest="job")
    go = jobs.add_parser("go")
    go.add_argument("where")
    go.add_argument("--carefully", action="store_true")
    return parser


@pytest.mark.parametrize("words, told", [
    (["--seconds", "x"], "Argument --seconds: invalid float value: 'x'. See: jetracer verb --help"),
    (["--second=2"], "Do not know what to do with '--second=2'; did you mean '--seconds'? See: jetracer verb --help"),
    (["--seconds", "2", "--quickly"], "Do not know what to do with '--quickly'. See: jetracer verb --help"),
    (["go", "there", "--careful"],
     "Do not know what to do with '--careful'; did you mean '--carefully'? See: jetracer verb --help"),
    (["go"], "The following arguments are required: where. See: jetracer verb go --help"),
])
def test_an_error_is_one_sentence_with_the_next_step(parser, words, told):
    with pytest.raises(ConfigError) as caught:
        parser.parse_args(words)
    assert str(caught.value) == told


def test_a_wrong_choice_names_the_right_ones(parser):
    with pytest.raises(ConfigError, match=r"Argument --colour: invalid choice: 'green'.*red.*blue.*See: jetracer verb"):
        parser.parse_args(["--colour", "green"])


def test_no_abbreviation_is_taken_in_jobs_either(parser):
    options = parser.parse_args(["--seconds", "2", "go", "there"])
    assert (options.seconds, options.job, options.where) == (2.0, "go", "there")
    assert not parser.allow_abbrev
