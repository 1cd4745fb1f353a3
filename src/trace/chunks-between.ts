/** The chunks of a span of a trace. */
import type { Chunk, ContainerReader } from './container-reader.ts';

/** What is wanted of a chunk. Where nothing is, it is there all the same: its reader may want to know how far it is. */
export interface Part<T> {
  /** Instruction count at the chunk's beginning. */
  readonly instruction: number;
  /** To be read before the next part is asked for. */
  readonly events: Iterable<T>;
}

/** Chunks of these types that can hold something of the span: by the index, without reading the others. */
export function* chunksBetween(
  reader: ContainerReader,
  types: readonly string[],
  from: number,
  to: number,
): Generator<Chunk> {
  const before = new Map<string, Chunk['entry']>();
  for (const entry of reader.entries(types)) {
    // A chunk reaches up to where the next one of its type begins.
    const previous = before.get(entry.type);
    if (previous !== undefined && entry.instruction >= from && previous.instruction <= to) {
      yield reader.readChunk(previous);
    }
    before.set(entry.type, entry);
  }
  for (const previous of before.values()) {
    if (previous.instruction <= to) yield reader.readChunk(previous);
  }
}
