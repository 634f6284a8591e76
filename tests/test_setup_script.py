"""scripts/setup.py: what it refuses, where it keeps the wheel, what it shows. No network."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import select
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loading import load_script

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "setup.py"


setup = load_script(SCRIPT, "tecla_setup")


def wheel_file(folder: Path, name: str = "llama_cpp_python-1-py3-none-any.whl") -> Path:
    """A small but whole wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("llama_cpp/__init__.py", "x = 1\n" * 1000)
    return folder / name


def program(folder: Path, name: str, script: str) -> Path:
    """An executable of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- Python ---


def test_old_python_is_told_what_is_needed() -> None:
    problem = setup.python_problem((3, 9, 18, "final", 0))
    assert "3.11" in problem
    assert "3.9.18" in problem
    assert "PYTHON=" in problem


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2), (4, 0, 0)])
def test_new_python_is_accepted(version: tuple[int, ...]) -> None:
    assert setup.python_problem(version) is None


def test_old_pythons_can_parse_the_script_and_reach_the_message() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    check = next(node for node in tree.body if isinstance(node, ast.If))
    before = [node for node in imports if node.lineno < check.lineno]
    assert [alias.name for node in before for alias in node.names] == ["sys"]


def test_missing_ensurepip_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        setup.importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else real(name),
    )
    with pytest.raises(setup.SetupError, match=r"no ensurepip.*python3-venv"):
        setup.check_venv_module()


# --- Compilers ---


def test_no_compiler_on_the_path(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"no C compiler .*build-essential"):
        setup.compilers({"PATH": str(tmp_path)}, tmp_path)


def test_no_cpp_compiler_on_the_path(tmp_path: Path) -> None:
    program(tmp_path / "bin", "cc", "exit 0")
    with pytest.raises(setup.SetupError, match=r"no C\+\+ compiler"):
        setup.compilers({"PATH": str(tmp_path / "bin")}, tmp_path)


def test_compiler_that_compiles_nothing(tmp_path: Path) -> None:
    program(tmp_path / "bin", "cc", 'echo "error: no stdio.h" >&2; exit 1')
    with pytest.raises(setup.SetupError, match=r"cannot compile .*no stdio\.h"):
        setup.compilers({"PATH": str(tmp_path / "bin")}, tmp_path)


def test_named_compiler_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"absent-cc.*name another in CC"):
        setup.compilers({"PATH": "", "CC": str(tmp_path / "absent-cc")}, tmp_path)


def test_working_compilers_are_named_with_their_arguments(tmp_path: Path) -> None:
    cc = program(tmp_path / "bin", "my-cc", "exit 0")
    cxx = program(tmp_path / "bin", "c++", "exit 0")
    env = {"PATH": str(tmp_path / "bin"), "CC": f"{cc} -m64"}
    assert setup.compilers(env, tmp_path) == {"CC": f"{cc} -m64", "CXX": str(cxx)}


# --- Disk ---


def needs(*sizes_mib: int) -> list[object]:
    folders = (Path("/one"), Path("/two"), Path("/three"))
    remedies = ("move the checkout", "set TECLA_CACHE_DIR", "set TMPDIR")
    return [
        setup.Need(folder, size << 20, folder.name, remedy)
        for folder, size, remedy in zip(folders, sizes_mib, remedies, strict=False)
    ]


def test_enough_disk_passes() -> None:
    setup.check_disk(needs(100, 200), free_bytes=lambda folder: 300 << 20, device=lambda folder: 1)


def test_folders_on_one_disk_share_its_free_space() -> None:
    wanted = needs(100, 200)
    said = r"/two has 299 MiB free and 300 MiB are needed \(one, two\).*set TECLA_CACHE_DIR"
    with pytest.raises(setup.SetupError, match=said):
        setup.check_disk(wanted, free_bytes=lambda folder: 299 << 20, device=lambda folder: 1)


def test_folders_on_different_disks_do_not(tmp_path: Path) -> None:
    disks = {tmp_path / "a": 1, tmp_path / "b": 2}
    wanted = []
    for folder in disks:
        folder.mkdir()
        wanted.append(setup.Need(folder, 200 << 20, "files", "move"))
    setup.check_disk(wanted, free_bytes=lambda folder: 250 << 20, device=disks.__getitem__)


def test_what_a_former_run_left_needs_no_more_disk(tmp_path: Path) -> None:
    site = setup.Site(tmp_path, tmp_path / "cache", {})
    fresh = setup.disk_needs(site, tmp_path, compile_wheel=False)
    site.venv.mkdir()
    (site.venv / "left").write_bytes(b"\0" * 4096)
    later = setup.disk_needs(site, tmp_path, compile_wheel=False)
    assert fresh[0].size_bytes - later[0].size_bytes == 4096
    assert "the compiled wheel" not in [need.purpose for need in later]


def test_compiling_needs_room_for_build_and_wheel(tmp_path: Path) -> None:
    site = setup.Site(tmp_path, tmp_path / "cache", {})
    found = {
        need.folder: need.size_bytes
        for need in setup.disk_needs(site, tmp_path / "tmp", compile_wheel=True)
    }
    assert found[tmp_path / "tmp"] >= setup.BUILD_BYTES
    assert found[site.cache] == setup.WHEEL_BYTES


# --- The cache of wheels ---


def test_key_is_stable_and_readable() -> None:
    key = setup.wheel_key("0.3.36", "cpu", {"PATH": "/a"})
    assert key == setup.wheel_key("0.3.36", "cpu", {"PATH": "/b"})
    assert key.startswith("0.3.36-")


@pytest.mark.parametrize(
    ("version", "cpu", "env"),
    [
        ("0.3.37", "cpu", {}),
        ("0.3.36", "cpu with avx512", {}),
        ("0.3.36", "cpu", {"CMAKE_ARGS": "-DGGML_CUDA=ON"}),
        ("0.3.36", "cpu", {"CXX": "clang++"}),
    ],
)
def test_key_changes_with_what_the_wheel_depends_on(
    version: str, cpu: str, env: dict[str, str]
) -> None:
    assert setup.wheel_key(version, cpu, env) != setup.wheel_key("0.3.36", "cpu", {})


def test_key_changes_with_the_set_ups_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    before = setup.wheel_key("0.3.36", "cpu", {})
    monkeypatch.setattr(setup, "BUILD_ARGS", ("-DGGML_NATIVE=OFF",))
    assert setup.wheel_key("0.3.36", "cpu", {}) != before


def test_processor_is_described_the_same_twice() -> None:
    assert setup.processor() == setup.processor() != ""


def test_cache_folder_by_variable_and_by_custom(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setup.cache_folder({"TECLA_CACHE_DIR": "/c"}) == Path("/c")
    monkeypatch.setattr(setup.sys, "platform", "linux")
    assert setup.cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/tecla")
    assert setup.cache_folder({}) == home / ".cache" / "tecla"
    monkeypatch.setattr(setup.sys, "platform", "darwin")
    assert setup.cache_folder({}) == home / "Library" / "Caches" / "tecla"


def test_publish_puts_the_whole_wheel_and_leaves_nothing_else(tmp_path: Path) -> None:
    wheel = wheel_file(tmp_path / "built")
    kept = setup.publish(wheel, tmp_path / "kept")
    assert kept.read_bytes() == wheel.read_bytes()
    assert list(kept.parent.iterdir()) == [kept]
    assert setup.kept_wheel(kept.parent) == kept


def test_publish_interrupted_leaves_the_former_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = wheel_file(tmp_path / "kept")
    content = former.read_bytes()

    def interrupted(source: object, target: io.BufferedWriter) -> None:
        target.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(setup.shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        setup.publish(wheel_file(tmp_path / "built"), tmp_path / "kept")
    assert list(former.parent.iterdir()) == [former]
    assert former.read_bytes() == content


def test_publishing_side_by_side_keeps_one_whole_wheel(tmp_path: Path) -> None:
    wheel = wheel_file(tmp_path / "built")
    with ThreadPoolExecutor(8) as pool:
        kept = set(pool.map(lambda _: setup.publish(wheel, tmp_path / "kept"), range(32)))
    assert kept == {tmp_path / "kept" / wheel.name}
    assert setup.kept_wheel(tmp_path / "kept") in kept
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_no_wheel_is_kept_where_there_is_no_folder(tmp_path: Path) -> None:
    assert setup.kept_wheel(tmp_path / "absent") is None


@pytest.mark.parametrize("cut_bytes", [10, 500])
def test_damaged_wheel_is_thrown_away(tmp_path: Path, cut_bytes: int) -> None:
    wheel = wheel_file(tmp_path)
    wheel.write_bytes(wheel.read_bytes()[:-cut_bytes])
    assert setup.kept_wheel(tmp_path) is None
    assert not wheel.exists()


# --- Progress ---


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("  [31/140] /usr/bin/g++ -O3 -c ggml.cpp", 22),
        ("[140/140] Linking", 100),
        ("[ 12%] Building CXX object", 12),
        ("[100%] Built target llama", 100),
        ("[0/0] nothing", None),
        ("-- Found OpenMP [4.5]", None),
        ("see [31/140]", None),
        ("", None),
    ],
)
def test_percent_of_a_line(line: str, percent: int | None) -> None:
    assert setup.Progress.percent(line) == percent


def test_log_gets_one_line_a_tenth() -> None:
    out = io.StringIO()
    progress = setup.Progress(out, clock=iter([float(n) for n in range(300)]).__next__)
    for done in range(1, 201):
        progress.feed(f"[{done}/200] c++")
    progress.close()
    shown = [line.split("%")[0].strip() for line in out.getvalue().splitlines()]
    assert shown == [f"compiled {percent:3d}" for percent in [0, *range(10, 101, 10)]]


def test_terminal_gets_one_line_rewritten_and_wiped() -> None:
    out = Terminal()
    progress = setup.Progress(out, clock=lambda: 0.0)
    progress.feed("[1/4] c++")
    progress.feed("[2/4] c++")
    progress.feed("[1/9] an inner build starts over")
    progress.close()
    shown = out.getvalue()
    assert "\n" not in shown
    assert shown.count("compiled") == 2
    assert shown.endswith("\r")


# --- Commands ---


def test_failure_names_the_log_and_the_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "print('a.cpp:1: error: no such type'); print('  Foo x;'); raise SystemExit(1)"
    with pytest.raises(setup.SetupError, match=r"(?s)a\.cpp:1: error.*Foo x;") as error:
        setup.run([sys.executable, "-c", script], log, os.environ)
    assert str(log) in str(error.value)
    assert "no such type" in log.read_text()


def test_interrupt_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    # Both hold the writing end of the pipe open for as long as they live.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script = f"exec 3>'{pipe}'; sleep 600 & echo started; wait"
    try:
        with pytest.raises(KeyboardInterrupt):
            setup.run(["/bin/sh", "-c", script], tmp_path / "log", os.environ, interrupt)
        assert select.select([reader], [], [], 20)[0] == [reader]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_meaningful_lines_leave_out_noise() -> None:
    lines = [
        "[3/9] c++ -c error.cpp",
        "x.cpp:4:2: error: bad",
        "   4 |  bad",
        "     |  ^~~",
        "-- fine",
        "ERROR: Failed building wheel for llama-cpp-python",
    ]
    assert setup.meaningful(lines, 8) == ["x.cpp:4:2: error: bad", "4 |  bad", "|  ^~~"]
    assert setup.meaningful(["one", "", "two"], 1) == ["two"]


# --- Choices ---


def test_pinned_version() -> None:
    text = "# head\nllama-cpp-python==0.3.36\nnumpy==2.4.6\n"
    assert setup.pinned(text, "llama-cpp-python") == "0.3.36"
    with pytest.raises(setup.SetupError, match="pins no version of torch"):
        setup.pinned(text, "torch")


def test_jobs_fit_in_cores_and_memory() -> None:
    assert setup.build_jobs(8, 64 * setup.JOB_BYTES) == 8
    assert setup.build_jobs(8, 3 * setup.JOB_BYTES) == 3
    assert setup.build_jobs(8, 1) == 1


def test_more_cores_take_less_time_down_to_the_serial_part() -> None:
    times = [setup.expected_minutes(jobs) for jobs in (1, 2, 8, 10_000)]
    assert times == sorted(times, reverse=True)
    assert times[-1] == pytest.approx(setup.SERIAL_MINUTES, abs=0.01)


def test_fingerprint_changes_with_the_constraints(tmp_path: Path) -> None:
    site = setup.Site(tmp_path, tmp_path / "cache", {})
    (tmp_path / "pyproject.toml").write_text("")
    site.constraints.write_text("a==1\n")
    before = setup.fingerprint(site, "key")
    site.constraints.write_text("a==2\n")
    assert setup.fingerprint(site, "key") != before != setup.fingerprint(site, "other")


def test_nothing_changed_is_said_and_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = setup.Site(tmp_path, tmp_path / "cache", {})
    (tmp_path / "pyproject.toml").write_text("")
    site.constraints.write_text("llama-cpp-python==1\n")
    site.python.parent.mkdir(parents=True)
    site.python.touch()
    key = setup.wheel_key("1", setup.processor(), {})
    site.ready.write_text(setup.fingerprint(site, key))
    monkeypatch.setattr(setup.subprocess, "Popen", None)
    monkeypatch.setattr(setup.subprocess, "run", None)
    setup.set_up(site, tmp_path)
    assert "nothing has changed" in capsys.readouterr().out
