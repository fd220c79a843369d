#!/usr/bin/python3
"""Runs every test of the repository and ends with one line: "N passed, N failed" (and ", N skipped" if any were).

    tools/run_tests.py [--list] [SUITE...]

BRAZIER_TEST_MINUTES, when set, is how long the whole may take: what a limit from outside would cut off without a word is skipped
and said so. Suites are in the order of what they tell.

A suite builds what it needs, runs its programs with a deadline each, and counts single test cases, not programs: GoogleTest
reports them as XML, Python's unittest through this script's own --unittest mode, the browser tests through their summary
line. A program that crashes, hangs or reports nothing counts as one failure. The output of whatever failed is printed,
tracebacks after it, and before the last line one line for each failure again: a log that is cut still tells why.
Exit code 0 only when nothing failed and something passed.
"""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-* packages belong to
STARTED = time.monotonic()
MINUTES = float(os.environ.get("BRAZIER_TEST_MINUTES", "0"))
JOBS = int(os.environ.get("BRAZIER_BUILD_JOBS", os.cpu_count() or 1))
OUTPUT_TAIL_BYTES = 16_000
TRACEBACK_BYTES = 6_000  # of one failed case: where it was, and the end of what was said
REASON_BYTES = 300
UNITTEST_RULE = "\n" + "=" * 70 + "\n"  # what unittest writes before each traceback
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


class Tally:
    """Counts of one program or suite, and what to show of it."""

    def __init__(self, passed=0, failed=0, skipped=0, notes=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.notes = list(notes)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def failure(title, output=""):
    return Tally(failed=1, notes=[f"FAILED: {title}\n{output[-OUTPUT_TAIL_BYTES:]}"])


def shorten(text, bytes_max):
    """The beginning and the end, when it is too long."""
    if len(text) <= bytes_max:
        return text
    half = bytes_max // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} bytes left out ...]\n{text[-half:]}"


def run(command, timeout_s, environment=None, cwd=ROOT):
    """(exit code, output, seconds). A program over its time is killed with all its children; its code is None."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd,
                                   env={**os.environ, **(environment or {})}, start_new_session=True)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        output.seek(0)
        return code, output.read().decode(errors="replace"), time.monotonic() - started


def describe(code, timeout_s):
    if code is None:
        return f"no end after {timeout_s} s"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


# ---- building ----------------------------------------------------------------------------------------------------

def configure(preset):
    directory = os.path.join(ROOT, "build", preset)
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        code, output, _ = run(["cmake", "--preset", preset], 300)
        if code != 0:
            raise BuildFailed(f"configuring {preset}", output)
    return directory


class BuildFailed(Exception):
    pass


class NoTimeLeft(Exception):
    pass


def seconds_left():
    return MINUTES * 60 - (time.monotonic() - STARTED) if MINUTES else float("inf")


def build(preset, targets):
    directory = configure(preset)
    left = seconds_left()
    code, output, seconds = run(["ninja", "-C", directory, "-j", str(JOBS), "-k", "0", "--quiet", *targets], max(1, min(3000, left)))
    if code is None and left < 3000:
        raise NoTimeLeft(f"building {preset} was stopped after {seconds:.0f} s, with the {MINUTES:.0f} minutes of this run over")
    if code != 0:
        raise BuildFailed(f"building {', '.join(targets[:4])}{'...' if len(targets) > 4 else ''} ({preset})", output)
    if seconds > 5:
        print(f"  built {preset} in {seconds:.0f} s", flush=True)
    return directory


def ctest_programs(preset):
    """{name: command} of what CMake declared with add_test; the command is None while its program is not built."""
    directory = configure(preset)
    # A new test folder only shows after CMake ran again; ninja does that when it is needed.
    run(["ninja", "-C", directory, "build.ninja"], 300)
    code, output, _ = run(["ctest", "--show-only=json-v1"], 60, cwd=directory)
    if code != 0:
        raise BuildFailed(f"listing the tests of {preset}", output)
    declared = json.loads(output[output.index("{"):])["tests"]
    return {test["name"]: test.get("command") for test in declared}


# ---- kinds of programs -------------------------------------------------------------------------------------------

def run_gtest(title, command, timeout_s, environment):
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.xml")
        code, output, _ = run([*command, f"--gtest_output=xml:{report}", "--gtest_brief=1"], timeout_s,
                              {**environment, "TMPDIR": scratch})
        tally = Tally()
        try:
            for case in ElementTree.parse(report).iter("testcase"):
                if case.find("failure") is not None:
                    tally.failed += 1
                elif case.find("skipped") is not None or case.get("result") == "skipped":
                    tally.skipped += 1
                    tally.notes.append(f"skipped: {title}: {case.get('classname')}.{case.get('name')}")
                elif case.get("status") == "run":
                    tally.passed += 1
        except (OSError, ElementTree.ParseError):
            pass  # died before writing it
        if code != 0:
            tally.failed = max(tally.failed, 1)  # a sanitizer's report after the last test has no case of its own
            tally.notes.append(f"FAILED: {title}: {describe(code, timeout_s)}\n{output[-OUTPUT_TAIL_BYTES:]}")
        elif tally.passed + tally.failed + tally.skipped == 0:
            tally.add(failure(f"{title}: ran no test case", output))
        return tally


def run_unittest_file(title, path, timeout_s, environment):
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.json")
        code, output, _ = run([PYTHON, os.path.abspath(__file__), "--unittest", path, report], timeout_s,
                              {**environment, "TMPDIR": scratch})
        try:
            with open(report) as file:
                counts = json.load(file)
        except (OSError, ValueError):
            return failure(f"{title}: {describe(code, timeout_s)}", output)
        tally = Tally(counts["passed"], counts["failed"], len(counts["skipped"]))
        tally.notes += [f"skipped: {title}: {reason}" for reason in counts["skipped"]]
        if counts["failed"] or code != 0:
            tally.failed = max(tally.failed, 1)
            # unittest ends with the tracebacks, and they may be long: they come by themselves, each with its reason last.
            tally.notes.append(f"FAILED: {title}: {describe(code, timeout_s)}\n"
                               f"{output.split(UNITTEST_RULE)[0][-OUTPUT_TAIL_BYTES:]}")
            tally.notes += [f"FAILED: {name}: {reason[:REASON_BYTES]}\n{shorten(traceback, TRACEBACK_BYTES)}"
                            for name, reason, traceback in counts["tracebacks"]]
        elif tally.passed + tally.skipped == 0:
            tally.add(failure(f"{title}: ran no test case", output))
        return tally


def reason_of(traceback):
    """The line that names the exception: the last one that begins at the margin like "AssertionError: ..."."""
    named = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Disconnected)\b.*$", traceback, re.MULTILINE)
    return named[-1] if named else traceback.rstrip().rpartition("\n")[2]


def unittest_main(path, report):
    """The --unittest mode: runs one file, writes its counts as JSON."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.path.insert(0, os.path.join(ROOT, "tests", "support", "python"))
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(path)), os.path.basename(path))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    tracebacks = [(test.id(), reason_of(traceback), traceback) for test, traceback in result.failures + result.errors]
    tracebacks += [(test.id(), "passes, though it is expected to fail", "") for test in result.unexpectedSuccesses]
    with open(report, "w") as file:
        json.dump({"passed": max(0, result.testsRun - failed - len(result.skipped)), "failed": failed, "tracebacks": tracebacks,
                   "skipped": [f"{test.id()}: {why}" for test, why in result.skipped]}, file)
    return 1 if failed else 0


def run_with_summary(title, command, timeout_s, environment=None, cwd=ROOT):
    """A program whose own summary line ("N passed, N failed") tells, or node's "# pass N" lines."""
    code, output, _ = run(command, timeout_s, environment, cwd)
    tally = Tally()
    summaries = SUMMARY.findall(output)
    if summaries:
        tally.passed, tally.failed, tally.skipped = (int(n or 0) for n in summaries[-1])
    else:
        for word, field in (("pass", "passed"), ("fail", "failed"), ("skipped", "skipped")):
            found = re.findall(rf"^(?:#|ℹ) {word} (\d+)$", output, re.MULTILINE)
            setattr(tally, field, int(found[-1]) if found else 0)
    reasons = [line for line in output.splitlines() if re.match(r"\s*skip(ped)?\b", line, re.IGNORECASE)]
    if code != 0:
        tally.failed = max(tally.failed, 1)
        tally.notes.append(f"FAILED: {title}: {describe(code, timeout_s)}\n{output[-OUTPUT_TAIL_BYTES:]}")
    elif tally.passed + tally.failed + tally.skipped == 0:
        if not reasons:
            return failure(f"{title}: reported no result", output)
        tally.skipped = len(reasons)
    if tally.skipped:
        tally.notes += [f"skipped: {title}: {reason.strip()}" for reason in reasons[:20]]
    return tally


def in_parallel(calls):
    total = Tally()
    with concurrent.futures.ThreadPoolExecutor(max(1, JOBS)) as pool:
        for tally in pool.map(lambda call: call(), calls):
            total.add(tally)
    return total


# ---- suites ------------------------------------------------------------------------------------------------------

def suite_style():
    return run_with_summary("check_style", [PYTHON, "tools/check_style.py", "--summary"], 60)


def unit_tests(preset, environment, timeout_s):
    names = ctest_programs(preset)
    total = Tally()
    try:
        # The convention of cmake/brazier_unit.cmake: test "x_y" is the program test_x_y.
        build(preset, sorted("test_" + name for name in names))
    except BuildFailed as error:
        total.add(failure(*error.args))  # the programs that did link still run
    calls = []
    # ThreadSanitizer's memory map and strongly randomised addresses do not go together on newer kernels.
    fixed_addresses = preset == "tsan" and shutil.which("setarch") and run(["setarch", "-R", "true"], 10)[0] == 0
    for name, command in ctest_programs(preset).items():
        if command:
            command = ["setarch", "-R", *command] if fixed_addresses else command
            calls.append(lambda n=name, c=command: run_gtest(f"{n} ({preset})", c, timeout_s, environment))
        elif not total.failed:
            total.add(failure(f"{name} ({preset}): its program is not where ctest looks for it"))
    total.add(in_parallel(calls))
    return total


def suite_unit():
    return unit_tests("release", {}, 300)


def suite_asan():
    return unit_tests("asan", {"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1",
                               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}, 600)


def suite_tsan():
    options = "halt_on_error=0:second_deadlock_stack=1"
    suppressions = os.path.join(ROOT, "tests", "tsan.supp")
    if os.path.exists(suppressions):
        options += f":suppressions={suppressions}"
    return unit_tests("tsan", {"TSAN_OPTIONS": options}, 600)


def suite_fuzz():
    directory = build("asan", ["brazier_fuzzers"])
    program = os.path.join(directory, "tests", "fuzz", "brazier_fuzzers")
    total = run_with_summary("fuzz smoke", [program, "smoke"], 300)
    # The canary plants a bug: a driver that does not find it finds nothing.
    code, output, _ = run([program, "canary"], 60)
    total.add(Tally(passed=1) if code not in (0, None) and "canary" in output
              else failure("fuzz canary was not caught: " + describe(code, 60), output))
    return total


def server_environment():
    directory = build("release", ["brazier", "brazierctl"])
    return {"BRAZIER_BIN": os.environ.get("BRAZIER_BIN", os.path.join(directory, "brazier")),
            "BRAZIERCTL_BIN": os.environ.get("BRAZIERCTL_BIN", os.path.join(directory, "brazierctl")),
            "PYTHONDONTWRITEBYTECODE": "1"}


def unittest_folder(folder, timeout_s):
    environment = server_environment()
    path = os.path.join(ROOT, folder)
    files = sorted(name for name in os.listdir(path) if re.fullmatch(r"test_\w+\.py|\w+_test\.py", name))
    if not files:
        return failure(f"{folder} has no test files")
    total = Tally()
    for name in files:
        started = time.monotonic()
        tally = run_unittest_file(f"{folder}/{name}", os.path.join(path, name), timeout_s, environment)
        print(f"  {name}: {tally} ({time.monotonic() - started:.0f} s)", flush=True)
        total.add(tally)
    return total


def suite_e2e():
    return unittest_folder("tests/e2e", 420)


def suite_clients():
    """Each program of tests/clients runs against a fresh server of its own; it gets the addresses that its --help asks for."""
    environment = server_environment()
    os.environ.update(environment)
    sys.path[:0] = [os.path.join(ROOT, "tests", "e2e")]
    import cluster
    total = Tally()
    for name in sorted(os.listdir(os.path.join(ROOT, "tests", "clients"))):
        if not name.endswith("_test.py"):
            continue
        program = os.path.join(ROOT, "tests", "clients", name)
        _, usage, _ = run([PYTHON, program, "--help"], 30)
        try:
            with cluster.Monolith(multitenancy=False) as server:
                offered = {"--http": server.query_url, "--thrift": f"127.0.0.1:{server.thrift_port}",
                           "--zeromq": f"tcp://127.0.0.1:{server.zeromq_port}",
                           "--pull": f"tcp://127.0.0.1:{server.pull_port}",
                           "--data": cluster.DATA}
                if not os.path.isdir(cluster.DATA):
                    del offered["--data"]
                arguments = [part for flag, value in offered.items() if re.search(rf"{flag}\b", usage)
                             for part in (flag, value)]
                tally = run_with_summary(name, [PYTHON, program, *arguments], 300, environment)
        except AssertionError as error:  # the server did not start, or ended badly
            tally = failure(name, str(error))
        print(f"  {name}: {tally}", flush=True)
        total.add(tally)
    return total


def node_packages():
    """True when web/node_modules is there, installing it from the lock file if npm can."""
    web = os.path.join(ROOT, "web")
    marker = os.path.join(web, "node_modules", ".package-lock.json")
    lock = os.path.join(web, "package-lock.json")
    if os.path.exists(marker) and os.path.getmtime(marker) >= os.path.getmtime(lock):
        return True
    if not shutil.which("npm"):
        return False
    code, output, _ = run(["npm", "ci", "--no-audit", "--no-fund"], 300, cwd=web)
    if code != 0:
        print(output[-2000:])
    return code == 0


def node_version():
    if not shutil.which("node"):
        return (0,)
    _, output, _ = run(["node", "--version"], 20)
    return tuple(int(n) for n in re.findall(r"\d+", output)[:2]) or (0,)


def suite_web():
    if node_version() < (20, 0):
        return Tally(skipped=1, notes=["skipped: web: needs node 20 or newer"])
    if not node_packages():
        return failure("web: npm ci failed")
    return run_with_summary("web unit tests", ["npm", "test", "--silent"], 180, cwd=os.path.join(ROOT, "web"))


def suite_browser():
    if not shutil.which("chromium"):
        return Tally(skipped=1, notes=["skipped: browser: chromium is not installed"])
    if node_version() < (18, 0) or not node_packages():
        return Tally(skipped=1, notes=["skipped: browser: needs node 18 or newer and npm"])
    return run_with_summary("browser tests", ["node", "tests/browser/run.mjs"], 420, server_environment())


SUITES = {
    "style": (suite_style, "layers, file sizes, header comments (tools/check_style.py)"),
    "unit": (suite_unit, "C++ unit tests"),
    "e2e": (suite_e2e, "the real binary, as one process and as one for each role"),
    "clients": (suite_clients, "clients in other languages against the real binary"),
    "web": (suite_web, "unit tests of the web UI's code"),
    "browser": (suite_browser, "the web UI in Chromium"),
    "asan": (suite_asan, "C++ unit tests under AddressSanitizer and UBSan"),
    "fuzz": (suite_fuzz, "a short run of every fuzzer under AddressSanitizer, and the canary"),
    "tsan": (suite_tsan, "C++ unit tests under ThreadSanitizer"),
}


def main(arguments):
    if arguments[:1] == ["--unittest"]:
        return unittest_main(*arguments[1:3])
    if arguments == ["--list"]:
        for name, (_, what) in SUITES.items():
            print(f"{name:8} {what}")
        return 0
    unknown = [name for name in arguments if name not in SUITES]
    if unknown:
        print(f"unknown suite: {', '.join(unknown)}; there are: {', '.join(SUITES)}", file=sys.stderr)
        return 2
    total = Tally()
    for name in arguments or SUITES:
        print(f"== {name}: {SUITES[name][1]}", flush=True)
        started = time.monotonic()
        try:
            tally = SUITES[name][0]()
        except BuildFailed as error:
            tally = failure(*error.args)
        except NoTimeLeft as error:
            tally = Tally(skipped=1, notes=[f"skipped: {name}: {error}"])
        except Exception as error:  # a broken runner must not hide the other suites' results
            tally = failure(f"{name}: the runner itself: {type(error).__name__}: {error}")
        for note in tally.notes:
            print(note)
        print(f"   {name}: {tally} ({time.monotonic() - started:.0f} s)", flush=True)
        total.add(tally)
    for note in total.notes:
        if note.startswith("FAILED: "):
            print(note.partition("\n")[0])
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
