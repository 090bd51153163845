import io

from rich.console import Console

from harness.engine.progress import ConsoleProgress


def walk(console, total, done, **options):
    progress = ConsoleProgress(console, **options)
    progress.start(total, done)
    for _ in range(total - done):
        progress.advance()
    progress.stop()
    return console.file.getvalue()


def test_elsewhere_than_on_a_terminal_there_are_plain_lines_with_rate_and_time_left():
    text = walk(Console(file=io.StringIO()), 10, 4, every=0.0)

    lines = text.splitlines()
    assert lines[0] == "4/10 records"
    assert lines[-1].startswith("10/10 records (")
    assert "/s, 0:00 left)" in lines[-1]
    assert "\x1b" not in text


def test_plain_lines_are_few():
    assert len(walk(Console(file=io.StringIO()), 1000, 0, every=60.0).splitlines()) == 2


def test_on_a_terminal_there_is_a_bar_that_goes_away():
    text = walk(Console(file=io.StringIO(), force_terminal=True, width=80), 10, 4)

    assert "10/10" in text
    assert "records" in text
    assert "/s" in text


def test_a_complete_run_says_nothing():
    assert walk(Console(file=io.StringIO()), 10, 10) == ""


def test_a_line_stands_above_the_bar_or_between_plain_lines():
    for options in ({}, {"force_terminal": True, "width": 80}):
        console = Console(file=io.StringIO(), **options)
        progress = ConsoleProgress(console)
        progress.start(10, 0)
        progress.tell(lambda: "a/b-q10: mAP 12.3 [128 images]")
        progress.stop()
        assert "a/b-q10: mAP 12.3 [128 images]\n" in console.file.getvalue()
