// The parts of a profile type id, `name:sample type:sample unit:period type:period unit`, and its name for people.

export interface ProfileType {
  id: string;
  name: string;
  sampleType: string;
  sampleUnit: string;
}

export function parseProfileType(id: string): ProfileType {
  const [name = "", sampleType = "", sampleUnit = ""] = id.split(":");
  return { id, name, sampleType, sampleUnit };
}

const TITLES: Record<string, string> = {
  "process_cpu:cpu": "CPU time",
  "process_cpu:samples": "CPU samples",
  "wall:wall": "Wall-clock time",
  "off_cpu:off_cpu": "Off-CPU time",
  "memory:alloc_space": "Allocated bytes",
  "memory:alloc_objects": "Allocated objects",
  "memory:inuse_space": "Live heap bytes",
  "memory:inuse_objects": "Live heap objects",
  "memory:alloc_in_new_tlab_bytes": "Allocated bytes (in new TLAB)",
  "memory:alloc_in_new_tlab_objects": "Allocations (in new TLAB)",
  "memory:alloc_outside_tlab_bytes": "Allocated bytes (outside TLAB)",
  "memory:alloc_outside_tlab_objects": "Allocations (outside TLAB)",
  "goroutine:goroutines": "Goroutines",
  "goroutines:goroutines": "Goroutines",
  "mutex:contentions": "Mutex contentions",
  "mutex:delay": "Mutex wait time",
  "block:contentions": "Blocking events",
  "block:delay": "Blocked time",
  "exceptions:samples": "Exceptions",
};

export function profileTypeTitle(id: string): string {
  const type = parseProfileType(id);
  return TITLES[`${type.name}:${type.sampleType}`] ?? `${type.name} · ${type.sampleType}`;
}

/** The type to open a service with: CPU first, as that is what most people come for. */
export function preferredType(ids: readonly string[]): string {
  const prefixes = ["process_cpu:cpu:", "wall:", "memory:inuse_space:", "memory:alloc_space:"];
  for (const prefix of prefixes) {
    const found = ids.find((id) => id.startsWith(prefix));
    if (found) return found;
  }
  return ids[0] ?? "";
}
