"""Windows of real FASTA files against plain slices of padded strings, and every way they break."""

from __future__ import annotations

import concurrent.futures
import gzip
import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_kipoi.genome.contig_names import suggest_contig
from basenji_kipoi.genome.fasta import Genome

SEQUENCES = {
    "chrI": "ACGTNacgtnRYK" * 700,
    "chrII": "G" * 120,  # a whole number of lines
    "chrM": "T",
}


def write_fasta(path: Path, sequences: dict[str, str], width: int = 60, end: str = "\n") -> Path:
    lines = []
    for name, letters in sequences.items():
        lines.append(f">{name} some description")
        lines += [letters[i : i + width] for i in range(0, len(letters), width)]
    path.write_text(end.join([*lines, ""]), newline="")
    return path


def compress(path: Path) -> Path:
    pysam.tabix_compress(str(path), f"{path}.gz", force=True)
    return Path(f"{path}.gz")


@pytest.fixture(params=["plain", "bgzip"])
def fasta(request, tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    return path if request.param == "plain" else compress(path)


def make_old(path: Path, seconds: float = 60) -> None:
    past = time.time() - seconds
    os.utime(path, (past, past))


def error_of(path) -> str:
    with pytest.raises(InputError) as caught:
        Genome(path)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(path).name in message
    return message


def padded(letters: str, start: int, end: int) -> np.ndarray:
    """The expected codes, from one long padded string."""
    margin = 20_000
    return encode("N" * margin + letters + "N" * margin)[start + margin : end + margin]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), width=st.integers(1, 80), ending=st.sampled_from(["\n", "\r\n"]))
def test_windows_are_slices_of_the_padded_sequence(tmp_path_factory, data, width, ending):
    letters = data.draw(st.text("ACGTNacgtnRx", min_size=1, max_size=300))
    folder = tmp_path_factory.mktemp("genome")
    path = write_fasta(folder / "g.fa", {"a": "AC", "b": letters, "c": "TTT"}, width, ending)
    with Genome(path) as genome:
        assert genome.lengths == {"a": 2, "b": len(letters), "c": 3}
        for _ in range(5):
            start = data.draw(st.integers(-400, 700))
            end = data.draw(st.integers(start, 701))
            np.testing.assert_array_equal(
                genome.codes("b", start, end), padded(letters, start, end)
            )


def test_plain_and_bgzip_windows(fasta):
    with Genome(fasta) as genome:
        assert genome.lengths == {name: len(letters) for name, letters in SEQUENCES.items()}
        for chrom, letters in SEQUENCES.items():
            for start, end in [(-50, 70), (0, 0), (59, 61), (0, len(letters)), (-9000, 15_000)]:
                codes = genome.codes(chrom, start, end)
                assert codes.dtype == np.uint8
                np.testing.assert_array_equal(codes, padded(letters, start, end))
        assert genome.codes("chrM", 5, 8).tolist() == [4, 4, 4]
        assert genome.codes("chrM", -8, -5).tolist() == [4, 4, 4]
        with pytest.raises(ValueError, match="start at 5 and end at 4"):
            genome.codes("chrM", 5, 4)


def test_the_index_that_is_made_is_samtools_index(fasta):
    Genome(fasta).close()
    made = {path.name: path.read_bytes() for path in fasta.parent.iterdir() if path != fasta}
    for path in fasta.parent.glob("*.[fg][az]i"):
        path.unlink()
    pysam.faidx(str(fasta))
    for path in fasta.parent.glob("*.[fg][az]i"):
        assert made[path.name] == path.read_bytes()
    assert not list(fasta.parent.glob(".*"))  # no scratch folder stays


def test_an_index_of_samtools_is_used_as_it_is(fasta):
    pysam.faidx(str(fasta))
    before = Path(f"{fasta}.fai").stat().st_mtime_ns
    Genome(fasta).close()
    assert Path(f"{fasta}.fai").stat().st_mtime_ns == before


def test_missing_and_unreadable_files(tmp_path):
    assert "does not exist" in error_of(tmp_path / "none.fa")
    (tmp_path / "empty.fa").touch()
    assert "is empty" in error_of(tmp_path / "empty.fa")
    (tmp_path / "folder.fa").mkdir()
    assert "cannot be read" in error_of(tmp_path / "folder.fa")
    (tmp_path / "table.fa").write_text("chrI\t0\t10\n")
    assert "not FASTA" in error_of(tmp_path / "table.fa")
    (tmp_path / "gzip.fa.gz").write_bytes(gzip.compress(b">chrI\nACGT\n"))
    assert "compress it with bgzip" in error_of(tmp_path / "gzip.fa.gz")
    write_fasta(tmp_path / "named.fa.gz", SEQUENCES)
    assert "which its name denies" in error_of(tmp_path / "named.fa.gz")
    (tmp_path / "ragged.fa").write_text(">a\nACGT\nAC\nACGT\n")
    assert "cannot be indexed" in error_of(tmp_path / "ragged.fa")
    assert not list(tmp_path.glob("*.fai"))


def test_an_index_older_than_the_sequence(fasta):
    Genome(fasta).close()
    make_old(Path(f"{fasta}.fai"))
    message = error_of(fasta)
    assert "is older than" in message
    assert "delete it" in message


def test_a_sequence_from_the_future_is_read_again(tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    os.utime(path, (time.time() + 10**6,) * 2)
    for _ in range(2):  # makes the index, then finds it
        with Genome(path) as genome:
            assert genome.codes("chrM", 0, 1).tolist() == [3]
    content = path.read_text().replace(">chrII", ">chrIII")
    path.write_text(content)
    os.utime(path, (time.time() + 10**6,) * 2)
    assert "does not fit" in error_of(path)


def test_a_copy_that_wrote_the_index_first_is_accepted(fasta):
    Genome(fasta).close()
    now = time.time()
    os.utime(fasta, (now, now))
    os.utime(f"{fasta}.fai", (now - 0.5, now - 0.5))
    Genome(fasta).close()


def test_an_older_bgzip_index(tmp_path):
    path = compress(write_fasta(tmp_path / "genome.fa", SEQUENCES))
    Genome(path).close()
    make_old(Path(f"{path}.gzi"))
    assert "genome.fa.gz.gzi is older" in error_of(path)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_truncated_bgzip_file(tmp_path, indexed):
    path = compress(write_fasta(tmp_path / "genome.fa", SEQUENCES))
    if indexed:
        Genome(path).close()
    content = path.read_bytes()
    for kept in (len(content) - 1, len(content) // 2, 20):
        path.write_bytes(content[:kept])
        for index in tmp_path.glob("*.*i"):
            os.utime(index)
        assert "is truncated" in error_of(path)


def test_a_truncated_plain_file(tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    Genome(path).close()
    content = path.read_bytes()
    for kept in (len(content) - 2, len(content) // 2):
        path.write_bytes(content[:kept])
        os.utime(f"{path}.fai")
        assert "is truncated" in error_of(path)
    Path(f"{path}.fai").unlink()
    path.write_bytes(content[: content.index(b"chrM") + 4])
    assert "its last contig chrM has no sequence" in error_of(path)


def test_a_file_without_a_last_newline_is_complete(tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with Genome(path) as genome:
        assert genome.codes("chrM", 0, 1).tolist() == [3]


def test_an_index_of_another_file(tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    Genome(path).close()
    write_fasta(path, {**SEQUENCES, "chrX": "ACGT"})
    os.utime(f"{path}.fai")
    assert "does not fit" in error_of(path)
    Path(f"{path}.fai").write_text("nonsense\n")
    assert "with its index genome.fa.fai" in error_of(path)


@pytest.mark.parametrize("contig", [0, 1, 2])
@pytest.mark.parametrize(
    ("column", "change"),
    [
        *((1, change) for change in (-1, 1, 10**6, 10**26, -(10**6))),
        *((2, change) for change in (-1, 1, -(10**6), 10**26)),
        *((3, change) for change in (-1, 1, -60, 10**26)),
        *((4, change) for change in (-1, 1, -61, 10**26)),
    ],
)
def test_an_index_with_another_number_is_noticed(tmp_path, contig, column, change):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    Genome(path).close()
    index = Path(f"{path}.fai")
    rows = [line.split("\t") for line in index.read_text().splitlines()]
    if rows[contig][0] == "chrM" and column > 2:
        pytest.skip("lines of a contig that has one do not matter")
    rows[contig][column] = str(int(rows[contig][column]) + change)
    index.write_text("".join("\t".join(row) + "\n" for row in rows))
    # Numbers that are none end in the reading of the index.
    assert "index" in error_of(path)


def test_an_index_with_another_name_is_noticed(tmp_path):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    Genome(path).close()
    index = Path(f"{path}.fai")
    index.write_text(index.read_text().replace("chrII\t", "chrIV\t"))
    assert "does not fit" in error_of(path)


def test_a_block_that_is_damaged_is_named_when_it_is_read(tmp_path):
    letters = "".join(np.random.default_rng(1).choice(list("ACGT"), 300_000))
    path = compress(write_fasta(tmp_path / "genome.fa", {"a": letters}))
    Genome(path).close()
    content = bytearray(path.read_bytes())
    content[40_000:40_100] = bytes(100)
    path.write_bytes(content)
    os.utime(f"{path}.fai")
    os.utime(f"{path}.gzi")
    with Genome(path) as genome:
        np.testing.assert_array_equal(genome.codes("a", 0, 100), encode(letters[:100]))
        with pytest.raises(InputError, match=r"is damaged .* cannot read a:0-300000"):
            genome.codes("a", 0, 300_000)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    path = write_fasta(tmp_path / "genome.fa", SEQUENCES)

    # A superuser may write anywhere: the refusal has to be made.
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert "its folder is not writable" in error_of(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("lines", ["ACGT \nACGT \nAC\n", "ACGT\nACGT\nAC\t\n", "ACGT \r\nAC\r\n"])
def test_white_space_behind_bases_is_refused(tmp_path, lines, compressed):
    path = tmp_path / "genome.fa"
    path.write_bytes(f">a  \nACGT\nAC\n>b c \n{lines}".encode())
    path = compress(path) if compressed else path
    assert "lines of sequence end with spaces or tabs" in error_of(path)
    assert [each.suffix for each in tmp_path.iterdir() if each.suffix in (".fai", ".gzi")] == []
    # An index of another program, for which such space is none of the bases.
    if not compressed and lines.startswith("ACGT "):
        pysam.faidx(str(path))
        assert "lines of sequence end with spaces or tabs" in error_of(path)


def test_an_indexed_bgzip_file_of_several_blocks_is_opened_again(tmp_path):
    # Blocks hold 65,280 bases at most: the second contig begins in a later one.
    rng = np.random.default_rng(0)
    letters = {name: "".join(rng.choice(list("ACGT"), 150_000)) for name in ("a", "b", "c")}
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in letters.items()))
    path = compress(path)
    for _ in range(2):  # makes the index, then finds it
        with Genome(path) as genome:
            assert genome.codes("c", 149_990, 150_000).tolist() == [
                "ACGT".index(letter) for letter in letters["c"][-10:]
            ]


def test_a_pipe_has_no_random_access(tmp_path):
    os.mkfifo(tmp_path / "genome.fa")
    assert "is a pipe, but FASTA files are read at random" in error_of(tmp_path / "genome.fa")


def test_unknown_contigs_are_suggested(fasta):
    with Genome(fasta) as genome:
        assert genome.contig("chrI") == "chrI"
        for wrong, right in [("I", "chrI"), ("CHRII", "chrII"), ("MT", "chrM"), ("chr_I", "chrI")]:
            with pytest.raises(InputError, match=f"did you mean '{right}'"):
                genome.contig(wrong)
        with pytest.raises(InputError, match="it has chrI, chrII, chrM"):
            genome.codes("scaffold_17", 0, 1)
    # A similar name with another number is another chromosome.
    assert suggest_contig("chr4", ["chrX", "chr1"]) is None
    assert suggest_contig("chr12", ["chr1", "chr2"]) is None
    assert suggest_contig("scafold_17", ["scaffold_71", "scaffold_17"]) == "scaffold_17"
    assert suggest_contig("chr1", ["1", "2"]) == "1"
    assert suggest_contig("1", ["chr1", "chr2"]) == "chr1"


def _codes(genome: Genome) -> list[int]:
    return [int(genome.codes("chrI", start, start + 997).sum()) for start in range(0, 9000, 7)]


def test_one_genome_in_forked_processes_threads_and_pickles(fasta):
    with Genome(fasta) as genome:
        expected = _codes(genome)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert list(pool.map(_codes, [genome] * 4)) == [expected] * 4
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        workers = [
            # The genome is inherited, not pickled: the processes share its open file.
            context.Process(target=lambda: queue.put(_codes(genome)))
            for _ in range(2)
        ]
        for worker in workers:
            worker.start()
        assert _codes(genome) == expected
        assert [queue.get() for _ in workers] == [expected] * 2
        for worker in workers:
            worker.join()
        with pickle.loads(pickle.dumps(genome)) as copy:
            assert _codes(copy) == expected


@pytest.mark.skipif("BASENJI_DATA" not in os.environ, reason="BASENJI_DATA is not set")
def test_yeast_windows_equal_those_of_htslib():
    path = Path(os.environ["BASENJI_DATA"]) / "yeast" / "genome.fa.gz"
    generator = np.random.default_rng(0)
    with Genome(path) as genome, pysam.FastaFile(str(path)) as htslib:
        assert genome.lengths == dict(zip(htslib.references, htslib.lengths))
        for chrom, length in genome.lengths.items():
            start = int(generator.integers(length))
            end = min(length, start + 16_384)
            np.testing.assert_array_equal(
                genome.codes(chrom, start, end), encode(htslib.fetch(chrom, start, end))
            )


@pytest.mark.parametrize(
    ("contigs", "expected"),
    [
        ({"a": "ACGT"}, "<Genome g.fa: 1 contig, 4 bp>"),
        ({"a": "ACGT", "b": "A" * 2000}, "<Genome g.fa: 2 contigs, 2,004 bp>"),
    ],
)
def test_what_a_genome_says_of_itself(tmp_path, contigs, expected):
    text = "".join(f">{name}\n{letters}\n" for name, letters in contigs.items())
    (tmp_path / "g.fa").write_text(text)
    with Genome(tmp_path / "g.fa") as genome:
        assert repr(genome) == expected


def test_titles_may_end_with_spaces(tmp_path):
    (tmp_path / "g.fa").write_text(">a one \nACGT\n>b two\t\nAC\nGT\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert genome.lengths == {"a": 4, "b": 4}
    (tmp_path / "h.fa").write_text(">a\nACGT\n>b\nAC \nGT\n")
    with pytest.raises(InputError, match="lines of sequence end with spaces or tabs"):
        Genome(tmp_path / "h.fa")
