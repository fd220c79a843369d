"""An independent reader and writer of pprof files, for tests.

It shares nothing with the server: the message is described here from pprof's published field numbers and parsed by Python's
protobuf library. `totals` applies the documented normalisation (a sample with any negative value, or with zeros only, is
dropped) and adds up what is left, per sample type.
"""

import gzip

from google.protobuf import descriptor_pb2, descriptor_pool

try:  # protobuf 4.22 and later
    from google.protobuf.message_factory import GetMessageClass
except ImportError:
    from google.protobuf import message_factory

    def GetMessageClass(descriptor):
        return message_factory.MessageFactory().GetPrototype(descriptor)

_PACKAGE = "brazier.tests.pprof"
# Message -> [(field, number, type, repeated)]
_SCHEMA = {
    "ValueType": [("type", 1, "int64", False), ("unit", 2, "int64", False)],
    "Label": [("key", 1, "int64", False), ("str", 2, "int64", False), ("num", 3, "int64", False),
              ("num_unit", 4, "int64", False)],
    "Sample": [("location_id", 1, "uint64", True), ("value", 2, "int64", True), ("label", 3, "Label", True)],
    "Mapping": [("id", 1, "uint64", False), ("memory_start", 2, "uint64", False), ("memory_limit", 3, "uint64", False),
                ("file_offset", 4, "uint64", False), ("filename", 5, "int64", False), ("build_id", 6, "int64", False),
                ("has_functions", 7, "bool", False), ("has_filenames", 8, "bool", False),
                ("has_line_numbers", 9, "bool", False), ("has_inline_frames", 10, "bool", False)],
    "Line": [("function_id", 1, "uint64", False), ("line", 2, "int64", False)],
    "Location": [("id", 1, "uint64", False), ("mapping_id", 2, "uint64", False), ("address", 3, "uint64", False),
                 ("line", 4, "Line", True), ("is_folded", 5, "bool", False)],
    "Function": [("id", 1, "uint64", False), ("name", 2, "int64", False), ("system_name", 3, "int64", False),
                 ("filename", 4, "int64", False), ("start_line", 5, "int64", False)],
    "Profile": [("sample_type", 1, "ValueType", True), ("sample", 2, "Sample", True), ("mapping", 3, "Mapping", True),
                ("location", 4, "Location", True), ("function", 5, "Function", True), ("string_table", 6, "bytes", True),
                ("drop_frames", 7, "int64", False), ("keep_frames", 8, "int64", False), ("time_nanos", 9, "int64", False),
                ("duration_nanos", 10, "int64", False), ("period_type", 11, "ValueType", False),
                ("period", 12, "int64", False), ("comment", 13, "int64", True), ("default_sample_type", 14, "int64", False)],
}


def _profile_class():
    field_type = descriptor_pb2.FieldDescriptorProto
    scalars = {"int64": field_type.TYPE_INT64, "uint64": field_type.TYPE_UINT64, "bool": field_type.TYPE_BOOL,
               "bytes": field_type.TYPE_BYTES}  # strings as bytes: files with bad UTF-8 must be readable
    file = descriptor_pb2.FileDescriptorProto(name="brazier_tests_pprof.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _SCHEMA.items():
        message = file.message_type.add(name=message_name)
        for name, number, kind, repeated in fields:
            field = message.field.add(name=name, number=number)
            field.label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            if kind in scalars:
                field.type = scalars[kind]
            else:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(_PACKAGE + ".Profile"))


Profile = _profile_class()


def parse(data):
    """The profile in these bytes, gzip'd or not. Raises on anything that is no pprof."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    profile = Profile()
    profile.ParseFromString(data)
    return profile


def read(path):
    with open(path, "rb") as file:
        return parse(file.read())


def text(profile, index):
    return profile.string_table[index].decode()


def sample_types(profile):
    """[(type, unit)]"""
    return [(text(profile, v.type), text(profile, v.unit)) for v in profile.sample_type]


def period_type(profile):
    if not profile.HasField("period_type"):
        return ("", "")
    return text(profile, profile.period_type.type), text(profile, profile.period_type.unit)


def is_kept(sample):
    return any(sample.value) and not any(value < 0 for value in sample.value)


def totals(profile):
    """Sums of the samples that normalisation keeps, in the order of sample_types."""
    sums = [0] * len(profile.sample_type)
    for sample in profile.sample:
        if is_kept(sample):
            for i, value in enumerate(sample.value):
                sums[i] += value
    return sums


def stacks(profile, value_index=0):
    """{(function names, root first): value}; equal stacks added. Locations without lines become "?address"."""
    names = {f.id: text(profile, f.name) for f in profile.function}
    frames = {}
    for location in profile.location:
        lines = [names.get(line.function_id, "?") for line in location.line]
        frames[location.id] = lines or [f"?{location.address:x}"]
    result = {}
    for sample in profile.sample:
        leaf_first = [name for location in sample.location_id for name in frames[location]]
        path = tuple(reversed(leaf_first))
        result[path] = result.get(path, 0) + sample.value[value_index]
    return result


def check(profile):
    """Problems that would make pprof tools refuse or misread the profile; empty when it is sound."""
    problems = []
    strings = len(profile.string_table)
    if not strings or profile.string_table[0] != b"":
        problems.append("string_table[0] is not empty")
    functions = {f.id for f in profile.function}
    locations = {location.id for location in profile.location}
    mappings = {m.id for m in profile.mapping} | {0}
    if 0 in functions or 0 in locations:
        problems.append("a function or location has id 0")
    if len(functions) != len(profile.function) or len(locations) != len(profile.location):
        problems.append("duplicate ids")
    for function in profile.function:
        if not all(0 <= i < strings for i in (function.name, function.system_name, function.filename)):
            problems.append(f"function {function.id}: string index out of range")
    for location in profile.location:
        if location.mapping_id not in mappings:
            problems.append(f"location {location.id}: unknown mapping")
        if any(line.function_id not in functions for line in location.line):
            problems.append(f"location {location.id}: unknown function")
    for number, sample in enumerate(profile.sample):
        if len(sample.value) != len(profile.sample_type):
            problems.append(f"sample {number}: {len(sample.value)} values for {len(profile.sample_type)} types")
        if any(i not in locations for i in sample.location_id):
            problems.append(f"sample {number}: unknown location")
    return problems


def build(samples, types=(("cpu", "nanoseconds"),), period=(("cpu", "nanoseconds"), 10_000_000), time_ns=0,
          duration_ns=10_000_000_000):
    """Raw pprof bytes of [(path of function names root first, values, labels)]; values and labels may be left out of the
    tuple's end: values default to 1 per type."""
    profile = Profile()
    strings = {}

    def string(value):
        return strings.setdefault(value, len(strings))

    string("")
    for kind, unit in types:
        profile.sample_type.add(type=string(kind), unit=string(unit))
    if period:
        profile.period_type.type, profile.period_type.unit = string(period[0][0]), string(period[0][1])
        profile.period = period[1]
    functions = {}
    for sample in samples:
        path, values, labels = (tuple(sample) + (None, None))[:3]
        added = profile.sample.add(value=values if values is not None else [1] * len(types))
        for name in reversed(path):
            if name not in functions:
                functions[name] = len(functions) + 1
                profile.function.add(id=functions[name], name=string(name), filename=string("main.go"))
                profile.location.add(id=functions[name], address=0x1000 * functions[name]).line.add(
                    function_id=functions[name], line=1)
            added.location_id.append(functions[name])
        for key, value in (labels or {}).items():
            added.label.add(key=string(key), str=string(value))
    profile.string_table.extend(value.encode() for value in strings)
    profile.time_nanos, profile.duration_nanos = time_ns, duration_ns
    return profile.SerializeToString()
