#!/usr/bin/python3
"""Checks what the compiler cannot: who includes whom, file sizes, names, header comments, no machine paths.

    tools/check_style.py [--summary] [ROOT]

One line per finding, "path:line: what is wrong"; exit code 1 when there is any. --summary adds a last line
"N passed, N failed", one per rule. The rules are in STYLE.md; the table of allowed directions is below. The check tests
itself first: each rule must fire on a planted violation, so that a rule which went blind is noticed.
"""

import os
import re
import subprocess
import sys

LINES_MAX = 800

# Folder -> folders it may include besides itself. The longest matching prefix counts. A role may never include another.
ROLE = ["common/base", "common/config", "common/observe", "common/model", "common/codec", "common/contract", "store"]
WIRE = ["common/base", "common/config", "common/observe", "common/model", "common/codec", "common/contract"]
ALLOWED = {
    "common/base": [],
    "common/config": ["common/base"],
    "common/observe": ["common/base"],
    "common/model": ["common/base"],
    "common/contract": ["common/base", "common/model"],
    "common/codec": ["common/base", "common/model", "common/contract"],
    "common/rpc": WIRE,
    "common/pipeline": WIRE,
    "store/kv": ["common/base", "common/observe", "common/model"],
    "store/object": ["common/base", "common/config", "common/observe", "common/model"],
    "store/consensus": ["common/base", "common/observe", "common/model", "store/kv"],
    "store/index": ["common/base", "common/observe", "common/model", "common/contract", "common/codec", "store/kv"],
    "store/block": ["common/base", "common/observe", "common/model", "common/codec", "store/object"],
    "server/*": ROLE,
    "worker/*": ROLE,
    "app": ["common", "store", "server", "worker", "web"],
    "web": ["common/base"],
}
ANYTHING = ("tests", "benchmark", "tools", "clients")  # may include everything; nothing includes them
# A role's adapters are the only role files that may use a transport, and only the matching one.
ADAPTERS = {"_handler": "common/rpc", "_endpoint": "common/pipeline"}

# Third-party or generated headers -> the only places that may include them.
CONFINED = [
    (re.compile(r"^(thrift/|idl/)"), ["common/rpc", "*_handler"]),
    (re.compile(r"^(zmq\.h|zmq\.hpp)$"), ["common/pipeline", "*_endpoint"]),
    (re.compile(r"^boost/(beast|asio)"), ["server/http"]),
    (re.compile(r"^\w+\.pb\.h$"), ["server/http"]),
    (re.compile(r"^rocksdb/"), ["store/kv", "store/consensus"]),
    (re.compile(r"^spdlog/"), ["common/observe"]),
    (re.compile(r"^(yaml-cpp|CLI)/"), ["common/config", "app"]),
]
# Slow to compile or leaking a transport: never in a header of ours.
HEAVY = re.compile(r"^(boost/beast|boost/asio|thrift/|rocksdb/|nlohmann/|msgpack|re2/|spdlog/|google/protobuf/|yaml-cpp/|\w+\.pb\.h$)")

SINGLE_THREADED = re.compile(r"brazier_(unit|test)\([^)]*\bSINGLE_THREADED\b")
STARTS_THREAD = re.compile(r"\bstd::(jthread|thread|async)\b|\bpthread_create\b")
BANNED_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|misc)(_|\.|$)")
MACHINE_PATH = re.compile(r"(?<![\w.:/$}-])/(work|root|home/\w+|tmp)/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
OUR_TOPS = ("common", "store", "server", "worker", "app", "web") + ANYTHING
TEXT = (".h", ".cc", ".py", ".mjs", ".ts", ".tsx", ".sh", ".md", ".cmake", ".thrift", ".proto", ".json", ".yaml", ".rs",
        ".toml", ".txt", ".css", ".html")


def folder_rule(path):
    """(folder that the rule is about, allowed prefixes) of a source file, or None when anything goes."""
    folder = os.path.dirname(path)
    best = None
    for prefix, allowed in ALLOWED.items():
        parts = prefix.split("/")
        own = "/".join(folder.split("/")[:len(parts)])
        if all(p in ("*", o) for p, o in zip(parts, own.split("/"))) and len(own.split("/")) == len(parts):
            if best is None or len(prefix) > len(best[2]):
                best = (own, allowed, prefix)
    return best[:2] if best else None


def adapter_of(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    for suffix, transport in ADAPTERS.items():
        if stem.endswith(suffix) and path.startswith(("server/", "worker/")):
            return suffix, transport
    return None, None


def within(folder, prefix):
    return folder == prefix or folder.startswith(prefix + "/")


def check_include(path, quoted, target):
    """What is wrong with this include in this file, or None."""
    top = path.split("/")[0]
    suffix, transport = adapter_of(path)
    if top not in ANYTHING:
        for pattern, places in CONFINED:
            if pattern.match(target) and not any(
                    suffix == place[1:] if place.startswith("*") else within(os.path.dirname(path), place)
                    for place in places):
                return "layers", f"only {', '.join(places)} may include {target}"
        if path.endswith(".h") and HEAVY.match(target) and not suffix and not path.startswith("common/rpc/"):
            return "headers", f"heavy header {target} in a header: include it in the .cc"
    if target.split("/")[0] not in OUR_TOPS or "/" not in target:
        generated = target.endswith(".pb.h")  # by protoc, into the build folder
        if quoted and "/" not in target and not generated and top not in ("web", "clients"):
            return "layers", f'"{target}": include paths start at the repository root'
        return None
    if top in ANYTHING:
        return None
    if target.startswith(ANYTHING):
        return "layers", f"nothing may include {target.split('/')[0]}/"
    rule = folder_rule(path)
    if rule is None:
        return "layers", f"{os.path.dirname(path)} has no row in the table of allowed directions"
    own, allowed = rule
    folder = os.path.dirname(target)
    if within(folder, own) or any(within(folder, prefix) for prefix in allowed):
        return None
    if transport and within(folder, transport):
        return None
    return "layers", f"{own} may not include {target}"


def check_file(path, text):
    """Findings of one file: [(rule, line, what)]."""
    findings = []
    lines = text.split("\n")
    name = os.path.basename(path)
    is_cpp = path.endswith((".h", ".cc"))
    is_source = is_cpp or path.endswith((".py", ".ts", ".tsx", ".mjs", ".rs", ".sh"))
    if is_source and len(lines) > LINES_MAX + 1:
        findings.append(("sizes", LINES_MAX, f"{len(lines) - 1} lines, the limit is {LINES_MAX}"))
    if is_source and BANNED_NAMES.search(os.path.splitext(name)[0] + "."):
        findings.append(("names", 1, "name it for its concept, not util, helper or misc"))
    if is_cpp and not re.fullmatch(r"[a-z0-9_]+\.(h|cc)", name):
        findings.append(("names", 1, "file names are snake_case"))
    if path.endswith(".h"):
        if not re.match(r"(//|/\*)\s?\S", lines[0]):
            findings.append(("headers", 1, "a header opens with a comment: what it is, ownership, threads, limits"))
        if "#pragma once" not in lines and "#ifndef" not in text:
            findings.append(("headers", 1, "no #pragma once"))
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            findings.append(("paths", number, "a path of somebody's machine"))
        match = INCLUDE.match(line) if is_cpp else None
        problem = match and check_include(path, match.group(1) == '"', match.group(2))
        if problem:
            findings.append((problem[0], number, problem[1]))
    return findings


def check_units(paths):
    """Every unit of the server has a README."""
    folders = {os.path.dirname(p) for p in paths if p.endswith((".h", ".cc"))}
    return [("readmes", folder, 1, "a unit folder has a README.md") for folder in sorted(folders)
            if folder.split("/")[0] in ("common", "store", "server", "worker", "app") and folder.count("/") < 2
            and f"{folder}/README.md" not in paths]


def check_threads(sources):
    """Units whose tests ThreadSanitizer leaves out (SINGLE_THREADED in their CMakeLists.txt) start no threads."""
    folders = [os.path.dirname(path) for path, text in sources.items()
               if path.endswith("CMakeLists.txt") and SINGLE_THREADED.search(text)]
    return [("threads", path, text[:match.start()].count("\n") + 1, f"starts a thread, and {folder} is SINGLE_THREADED")
            for path, text in sources.items() for folder in folders
            if path.endswith((".h", ".cc")) and os.path.dirname(path) in (folder, f"tests/{folder}", f"{folder}/test")
            for match in [STARTS_THREAD.search(text)] if match]


PLANTED = [
    ("layers", "common/base/a.h", '// A.\n#pragma once\n#include "common/model/labels.h"\n'),
    ("layers", "server/distributor/a.cc", '#include "server/metastore/metastore.h"\n'),
    ("layers", "server/distributor/a.cc", '#include "worker/segment_writer/segment_writer.h"\n'),
    ("layers", "server/distributor/a.cc", '#include "common/rpc/thrift_server.h"\n'),
    ("layers", "worker/query_backend/a_endpoint.cc", '#include "common/rpc/thrift_server.h"\n'),
    ("layers", "store/index/a.cc", '#include "store/object/object_store.h"\n'),
    ("layers", "store/block/a.cc", "#include <zmq.h>\n"),
    ("layers", "common/codec/a.cc", '#include "labels.h"\n'),
    ("layers", "app/wiring.cc", '#include "tests/support/fake.h"\n'),
    ("headers", "common/model/a.h", "#pragma once\n"),
    ("headers", "common/model/a.h", "// A.\n#pragma once\n#include <nlohmann/json.hpp>\n"),
    ("names", "common/model/string_util.cc", "\n"),
    ("sizes", "common/model/a.cc", "\n" * (LINES_MAX + 1)),
    ("paths", "docs/a.md", "see /ro" + "ot/x for it\n"),
]
CLEAN = [
    ("server/distributor/push_handler.cc", '#include "common/rpc/thrift_server.h"\n#include "idl/PushService.h"\n'),
    ("worker/query_backend/a_endpoint.cc", '#include "common/pipeline/router.h"\n'),
    ("app/wiring.cc", '#include "server/http/http_server.h"\n#include "worker/query_backend/query_backend.h"\n'),
    ("tests/e2e/a.cc", '#include "server/http/http_server.h"\n'),
]


def self_test():
    for rule, path, text in PLANTED:
        if rule not in [found[0] for found in check_file(path, text)]:
            yield "self-test", path, 1, f"rule '{rule}' did not fire on: {text.strip()[:80]!r}"
    unit = {"common/a/CMakeLists.txt": "brazier_unit(SINGLE_THREADED LIBS x)", "tests/common/a/a.cc": "std::thread t(f);",
            "common/b/CMakeLists.txt": "brazier_unit(LIBS x)", "common/b/b.cc": "std::thread t(f);"}
    if [finding[1] for finding in check_threads(unit)] != ["tests/common/a/a.cc"]:
        yield "self-test", "tools/check_style.py", 1, "rule 'threads' does not tell units with threads from those without"
    for path, text in CLEAN:
        for _, line, what in check_file(path, text):
            yield "self-test", path, line, f"false alarm: {what}"


def main(arguments):
    summary = "--summary" in arguments
    roots = [a for a in arguments if not a.startswith("--")]
    root = roots[0] if roots else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    paths = sorted(p for p in set(listed) if p and os.path.isfile(os.path.join(root, p)))
    findings = list(self_test())
    sources = {}
    for path in paths:
        name = os.path.basename(path)
        if path.startswith("web/dist/") or not (name.endswith(TEXT) or name in ("dev", "run", "CMakeLists.txt")):
            continue
        if name in ("package-lock.json", "Cargo.lock"):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            sources[path] = file.read()
        findings += [(rule, path, line, what) for rule, line, what in check_file(path, sources[path])]
    findings += check_threads(sources)
    findings += check_units(set(paths))
    for _, path, line, what in findings:
        print(f"{path}:{line}: {what}")
    rules = ("self-test", "layers", "headers", "names", "sizes", "paths", "readmes", "threads")
    failed = {finding[0] for finding in findings}
    if summary:
        print(f"{len(rules) - len(failed)} passed, {len(failed)} failed")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
