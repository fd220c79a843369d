// The two protobuf wire types that a SelectMergeProfile request needs. Only the pprof download uses it: its answer,
// asked for as application/proto, is a pprof file as it stands.

function pushVarint(out: number[], value: bigint): void {
  while (value > 0x7fn) {
    out.push(Number(value & 0x7fn) | 0x80);
    value >>= 7n;
  }
  out.push(Number(value));
}

function pushString(out: number[], field: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  pushVarint(out, BigInt((field << 3) | 2));
  pushVarint(out, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

function pushInt(out: number[], field: number, value: number): void {
  pushVarint(out, BigInt(field << 3));
  pushVarint(out, BigInt(Math.max(0, Math.round(value))));
}

export function encodeSelectMergeProfile(request: {
  profileTypeID: string;
  labelSelector: string;
  start: number;
  end: number;
}): Uint8Array {
  const out: number[] = [];
  pushString(out, 1, request.profileTypeID);
  pushString(out, 2, request.labelSelector);
  pushInt(out, 3, request.start);
  pushInt(out, 4, request.end);
  return Uint8Array.from(out);
}
