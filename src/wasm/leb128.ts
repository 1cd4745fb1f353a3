/** LEB128, the variable-length integers of WebAssembly binaries (core specification, 5.2.2). */

/** An unsigned 32-bit number, in as few bytes as it takes. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  value >>>= 0;
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

/** A signed 32-bit number. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  value |= 0;
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const done = value === (low & 0x40 ? -1 : 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}
