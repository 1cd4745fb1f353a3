/** What is written beside a saved state, so that it is only ever restored into the machine that it came from. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { RebekError } from '../base/errors.ts';
import { readPackageVersion } from '../base/version.ts';
import { readEngineBinary } from '../machine/engine-binary.ts';
import type { Images } from '../machine/images.ts';
import type { Machine } from '../machine/machine.ts';
import { machineForTrace } from '../record/provenance.ts';
import type { ShownBefore } from './console-tap.ts';
import { quote, self } from './self.ts';

const hexadecimal = z.string().regex(/^([0-9a-f]{2})*$/);
const stateMeta = z.object({
  recorder: z.object({ name: z.string(), version: z.string() }),
  engine: z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  machine: z.record(z.string(), z.unknown()),
  images: z.array(z.object({ role: z.string(), name: z.string(), bytes: z.number(), sha256: z.string() })),
  /** ISO 8601. */
  created: z.string(),
  /** Executed from power-on to the state. */
  instructions: z.number(),
  /** The end of what each serial port had said, hexadecimal. */
  consoles: z.array(z.object({ port: z.number().int().min(0).max(3), bytes: hexadecimal })),
  /** All that the guest had written to I/O port 0xE9; absent where that was too much, or is not known. */
  debug: hexadecimal.optional(),
});
type StateMeta = z.infer<typeof stateMeta>;

/** What a guest had said when its state was saved. */
export interface SaidBefore {
  /** The ends of what its consoles showed. */
  readonly shown: readonly ShownBefore[];
  /** All that it had written to I/O port 0xE9, where that is known. */
  readonly debug?: Uint8Array | undefined;
}

/** Fields of a machine that may differ: they are names, or matter only at power-on. */
const FREE = new Set(['name', 'source', 'prompt', 'jit', 'clock']);

export function describeState(
  machine: Machine,
  images: Images,
  instructions: number,
  { shown, debug }: SaidBefore,
): StateMeta {
  const { name, version, sha256 } = readEngineBinary();
  return {
    recorder: { name: 'rebek', version: readPackageVersion() },
    engine: { name, version, sha256 },
    ...(machineForTrace(machine, images) as Pick<StateMeta, 'machine' | 'images'>),
    created: new Date().toISOString(),
    instructions,
    consoles: shown.map(({ port, bytes }) => ({ port, bytes: toHex(bytes) })),
    ...(debug !== undefined && { debug: toHex(debug) }),
  };
}

/**
 * Checks that a state belongs to a machine.
 * @returns what the guest had said when it was saved
 * @throws RebekError ERR_STATE_MISMATCH: of another engine, machine or images; ERR_STATE_META: not one of ours
 */
export function checkStateMeta(file: string, meta: unknown, machine: Machine, images: Images): SaidBefore {
  const parsed = stateMeta.safeParse(meta);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new RebekError(
      'ERR_STATE_META',
      `${file}: the description of the saved state, ${path.join('.')}: ${message}`,
      {
        hint: `save it again with this version: ${self()} guest boot GUEST --save STATE`,
        details: { file, field: path.join('.') },
      },
    );
  }
  const saved = parsed.data;
  const now = describeState(machine, images, 0, { shown: [] });
  const differences = [
    ...engineDifference(saved, now),
    ...machineDifferences(saved, now),
    ...imageDifferences(saved, now),
  ];
  if (differences.length === 0) {
    const { consoles, debug } = saved;
    return {
      shown: consoles.map(({ port, bytes }) => ({ port, bytes: fromHex(bytes) })),
      debug: debug === undefined ? undefined : fromHex(debug),
    };
  }
  throw new RebekError(
    'ERR_STATE_MISMATCH',
    `${file} was saved from another machine than ${machine.name}:\n${differences.join('\n')}`,
    {
      hint: `save it again: ${self()} guest boot ${quote(machine.source)} --save ${quote(file)} --force`,
      details: { file, differences },
    },
  );
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function engineDifference(saved: StateMeta, now: StateMeta): string[] {
  const name = ({ engine }: StateMeta): string =>
    `${engine.name} ${engine.version} (SHA-256 ${engine.sha256.slice(0, 12)}…)`;
  return saved.engine.sha256 === now.engine.sha256 ? [] : [`engine: ${name(saved)} then, ${name(now)} now`];
}

function machineDifferences(saved: StateMeta, now: StateMeta): string[] {
  const before = flatten(saved.machine);
  const after = flatten(now.machine);
  const text = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => !FREE.has(field) && !isDeepStrictEqual(before.get(field), after.get(field)))
    .map((field) => `${field}: ${text(before.get(field))} then, ${text(after.get(field))} now`);
}

/** Fields by their paths: `nic.model`. */
function flatten(machine: Record<string, unknown>): Map<string, unknown> {
  const fields = Object.entries(machine).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([inner, of]): [string, unknown] => [`${name}.${inner}`, of])
      : [[name, value] as [string, unknown]],
  );
  return new Map(fields);
}

function imageDifferences(saved: StateMeta, now: StateMeta): string[] {
  const roles = [...new Set([...saved.images, ...now.images].map(({ role }) => role))];
  const find = (meta: StateMeta, role: string) => meta.images.find((image) => image.role === role);
  const name = (image: StateMeta['images'][number] | undefined): string =>
    image === undefined ? 'none' : `${image.name} (SHA-256 ${image.sha256.slice(0, 12)}…)`;
  return roles
    .filter((role) => find(saved, role)?.sha256 !== find(now, role)?.sha256)
    .map((role) => `${role}: ${name(find(saved, role))} then, ${name(find(now, role))} now`);
}
