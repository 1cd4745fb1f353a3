/** Traces that were changed on purpose: formally right in every byte, with another content. */
import { openContainer } from '../../src/trace/container-reader.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';

type Map = Record<string, unknown>;

/**
 * Writes a trace again.
 * @param change a chunk's map as it shall be; undefined leaves the chunk out
 * @param complete false leaves it as a killed recorder would; its name is then `${to}.partial`
 */
export function rewriteTrace(
  from: string,
  to: string,
  change: (type: string, body: Map) => Map | undefined,
  complete = true,
): string {
  const reader = openContainer(from, { kind: 'TRCE' });
  const writer = ContainerWriter.create(to, 'TRCE', { overwrite: true });
  for (const { entry, body } of reader.chunks()) {
    const { type, instruction, wallNs, flags } = entry;
    const changed = change(type, { ...body.raw() });
    if (changed !== undefined)
      writer.write(type, changed, { instruction, wallNs, optional: (flags & 1) !== 0 });
  }
  reader.close();
  if (!complete) writer.abort();
  else writer.close();
  return complete ? to : `${to}.partial`;
}
