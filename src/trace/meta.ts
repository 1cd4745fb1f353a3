/** The maps of a trace's `META` (first) and `SUMM` (last before the index) chunks. FORMAT.md has the table. */
import { z } from 'zod';
import { RebekError } from '../base/errors.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const stateHash = z.object({ cpu: hash, ram: hash, vga: hash });

const layout = z.object({ ramStart: count, ramBytes: count, vgaStart: count, vgaBytes: count });

const metaFields = z.object({
  format: z.literal(1),
  recorder: z.object({ name: z.string(), version: z.string() }),
  engine: z.object({ name: z.string(), version: z.string(), sha256: hash, bytes: count }),
  /** Size of linear memory at the start, bytes. */
  memory: count.multipleOf(65536).max(2 ** 32),
  layout,
  /** The machine file, with paths reduced to file names. */
  machine: z.record(z.string(), z.unknown()),
  images: z.array(z.object({ role: z.string(), name: z.string(), bytes: count, sha256: hash })),
  /** `power-on`, or the name and hash of the saved state. */
  start: z.union([z.literal('power-on'), z.object({ state: z.string(), sha256: hash })]),
  /** Wall clock at the first instruction, ms since 1970. */
  started: z.number(),
  host: z.object({
    node: z.string(),
    v8: z.string(),
    platform: z.string(),
    arch: z.string(),
    codec: z.string(),
  }),
  initial: stateHash,
});
const traceMeta = metaFields.refine(
  ({ memory, layout: { ramStart, ramBytes, vgaStart, vgaBytes } }) =>
    ramStart + ramBytes <= memory && vgaStart + vgaBytes <= memory && ramBytes % 4096 === 0,
  { path: ['layout'], message: 'it does not fit the memory' },
);
export type TraceMeta = z.infer<typeof traceMeta>;

const traceSummary = z.object({
  /** Why the recording ended: `user`, `script`, `until`, `duration`, `signal`, `halt`, `reset`, `crash`. */
  end: z.string(),
  /** What to say about the end, for people. */
  note: z.string(),
  events: count,
  outputs: count,
  instructions: count,
  wallNs: z.number(),
  compiled: count,
  console: count,
  frames: count,
  /** Bytes written to I/O port 0xE9; absent in traces of recorders that did not keep them. */
  debug: count.optional(),
  /** State after the last event; nil if the engine failed. */
  final: stateHash.nullable(),
});
export type TraceSummary = z.infer<typeof traceSummary>;

/** @throws RebekError ERR_TRACE_META naming the field. */
export const parseMeta = (body: unknown): TraceMeta => parse('META', traceMeta, body);
/** @throws RebekError ERR_TRACE_META naming the field. */
export const parseSummary = (body: unknown): TraceSummary => parse('SUMM', traceSummary, body);

function parse<T>(chunk: string, schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new RebekError(
    'ERR_TRACE_META',
    `the ${chunk} chunk's field ${path.join('.') || '(all)'}: ${message}`,
    {
      exitCode: 4,
      details: { chunk, field: path.join('.') },
    },
  );
}
