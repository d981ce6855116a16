"""The parts of a soak: waiting times, memory and handles by time, and what did not arrive."""

from tests.bench.soak import Sample, growth, of_each_role, table


def test_each_part_has_its_own_figures_and_what_is_missing_is_told() -> None:
    sent = [(f"1.{number}", 1000.0 + number) for number in range(100)]
    # The later, the slower, by a millisecond for each image.
    arrived = {name: at + number / 1000 for number, (name, at) in enumerate(sent) if number != 7}
    samples = [Sample(1000.0 + at, 300 + at, 200, 90, 16, at / 100) for at in range(0, 101, 5)]
    lines = table(samples, sent, arrived, rate=1)
    assert "100 images, 1 not delivered" in lines[0]
    parts = [line.split(" | ") for line in lines[4:]]
    assert len(parts) == 10
    assert parts[0][1:5] == ["9", "4.0 ms", "9.0 ms", "9 ms"]
    assert parts[9][1:8] == ["10", "94.5 ms", "99.0 ms", "99 ms", "395 MiB", "90", "16"]
    assert parts[9][8] == "10.00 ms |"


def test_growth_is_told_with_and_without_the_pages_of_files() -> None:
    samples = [Sample(0, 330, 205, 90, 16, 0), Sample(1, 420, 203, 90, 16, 0)]
    assert growth(Sample(0, 300, 200, 90, 16, 0), samples) == (
        "Before the first image 300 MiB, at most 120 MiB more;"
        " without the pages of mapped files 200 MiB, at most 5 MiB more."
    )


def test_what_a_process_needs_is_told_for_the_beginning_the_middle_and_the_end() -> None:
    samples = [
        Sample(1000.0 + at, 0, 0, 0, 0, 0, {"web": (50, 1), "prepare": (40 + at / 10, (at / 10) ** 2)})
        for at in range(0, 101, 5)
    ]
    lines = of_each_role(samples, 1000, 1100, rate=100)
    assert lines[2:] == [
        "| prepare | 41 MiB | 46 MiB | 50 MiB | 1.00 ms | 11.00 ms | 19.00 ms |",
        "| web | 50 MiB | 50 MiB | 50 MiB | 0.00 ms | 0.00 ms | 0.00 ms |",
    ]
