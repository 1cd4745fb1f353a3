/**
 * The machine file: what PC to build. JSON or YAML, checked field by field; a wrong file is told by field, by
 * what was expected there and by what was found.
 */
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { RebekError } from '../base/errors.ts';

/** A whole number from `min` to `max`; `what` says so in words. */
const whole = (min: number, max: number, what: string) =>
  z.int({ error: what }).min(min, what).max(max, what);
const path = z
  .string({ error: 'the path of a file' })
  .min(1, 'the path of a file')
  .refine((text) => !text.includes('\0'), 'the path of a file, without a null character');
const drive = z.enum(['cdrom', 'disk', 'floppy'], { error: 'cdrom, disk or floppy' });

/** Printable ASCII: v86 stores one byte per character, and the kernel's limit is checked against the kernel. */
const cmdline = z
  .string({ error: 'a command line' })
  .regex(/^[\x20-\x7e]*$/, 'a command line of printable ASCII characters, on one line');

const linuxBoot = z.strictObject({
  /** No BIOS: Linux's 32-bit boot protocol. */
  kind: z.literal('linux'),
  /** A bzImage. */
  kernel: path,
  initrd: path.optional(),
  cmdline: cmdline.default(''),
});
const multibootBoot = z.strictObject({
  /** No BIOS: Multiboot 1, a flat image with address fields or a 32-bit ELF file. */
  kind: z.literal('multiboot'),
  image: path,
  cmdline: cmdline.optional(),
  /** Passed as the one module. */
  initrd: path.optional(),
});
const biosBoot = z.strictObject({
  kind: z.literal('bios'),
  /** A SeaBIOS or Bochs BIOS; left out, the SeaBIOS of `rebek guest build bios`. */
  bios: path.optional(),
  vgaBios: path.optional(),
  /** Drives in the order to try; left out: the ones given, floppy before disk before CD. */
  order: z
    .array(drive, { error: 'a list of cdrom, disk and floppy' })
    .min(1, 'at least one of cdrom, disk and floppy')
    .refine((list) => new Set(list).size === list.length, 'each of cdrom, disk and floppy at most once')
    .optional(),
  cdrom: path.optional(),
  disk: path.optional(),
  disk2: path.optional(),
  floppy: path.optional(),
});

/** The field's default MAC address: the same in every run, so that two runs can be compared. */
const defaultMac = '00:22:15:86:00:64';
const nic = z.strictObject(
  {
    model: z.enum(['ne2k', 'virtio', 'none'], { error: 'ne2k, virtio or none' }).default('ne2k'),
    mac: z
      .string({ error: 'a MAC address such as 00:22:15:86:00:64' })
      .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, 'six hexadecimal bytes with colons between')
      .transform((text) => text.toLowerCase())
      .refine((text) => (Number.parseInt(text, 16) & 1) === 0, 'a unicast address: an even first byte')
      .default(defaultMac),
  },
  { error: 'a mapping with model and mac' },
);

const isoDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;
const clockText = "'host', or a date such as 2024-05-01T12:00:00Z (with its time zone)";
const clock = z
  .string({ error: clockText })
  .refine((text) => text === 'host' || (isoDate.test(text) && !Number.isNaN(Date.parse(text))), clockText)
  .transform((text) => (text === 'host' ? text : new Date(text).toISOString()));

const schema = z
  .strictObject(
    {
      /** Free text; shown, and kept in the trace. */
      name: z.string({ error: 'a name' }).min(1, 'a name'),
      memory: whole(1, 2032, 'whole MiB from 1 to 2032'),
      vgaMemory: whole(1, 256, 'whole MiB from 1 to 256').default(2),
      boot: z.discriminatedUnion('kind', [linuxBoot, multibootBoot, biosBoot], {
        error: (issue) =>
          issue.code === 'invalid_union'
            ? 'linux, multiboot or bios'
            : 'a mapping whose kind is linux, multiboot or bios',
      }),
      nic: nic.prefault({}),
      serial: whole(1, 4, 'a whole number of serial ports, 1 to 4').default(1),
      clock: clock.default('host'),
      jit: z.boolean({ error: 'true or false' }).default(true),
      acpi: z.boolean({ error: 'true or false' }).default(false),
      prompt: z
        .string({ error: 'a regular expression' })
        .refine(isRegExp, 'a regular expression')
        .default('login: $'),
    },
    { error: 'a mapping of fields' },
  )
  .refine((machine) => !machine.acpi || machine.boot.kind === 'bios', {
    path: ['acpi'],
    error: 'false without a BIOS, whose tables ACPI needs',
  })
  .refine((machine) => machine.boot.kind !== 'bios' || !machine.boot.disk2 || machine.boot.disk, {
    path: ['boot', 'disk2'],
    error: 'disk to be given too: disk2 is the second one',
  });

type Parsed = z.infer<typeof schema>;
export type LinuxBoot = Extract<Parsed['boot'], { kind: 'linux' }>;
export type MultibootBoot = Extract<Parsed['boot'], { kind: 'multiboot' }>;
type Drive = z.infer<typeof drive>;
/** With what the file left out filled in. */
export type BiosBoot = Extract<Parsed['boot'], { kind: 'bios' }> & {
  bios: string;
  vgaBios: string;
  order: Drive[];
};

/** A checked machine: defaults filled in, every path absolute. Sizes in MiB. */
export interface Machine extends Omit<Parsed, 'boot'> {
  readonly boot: LinuxBoot | MultibootBoot | BiosBoot;
  /** The machine file, or the name of the built-in guest. */
  readonly source: string;
}

/** A machine as one writes it, before defaults: what a machine file holds. */
export type MachineFile = z.input<typeof schema>;

/** Where to find what a machine file may leave out. */
export interface Defaults {
  readonly bios: string;
  readonly vgaBios: string;
}

/**
 * Reads a machine file's text. Paths in it are relative to the file.
 * @throws RebekError ERR_MACHINE_SYNTAX (not JSON or YAML), ERR_MACHINE_FIELD (each wrong field, a line each)
 */
export function parseMachine(text: string, file: string, defaults: Defaults): Machine {
  return checkMachine(readData(text, file), file, dirname(file), defaults);
}

/** The same for data in memory; `source` names it in errors, `folder` is what its paths are relative to. */
export function checkMachine(data: unknown, source: string, folder: string, defaults: Defaults): Machine {
  const result = schema.safeParse(data);
  if (!result.success) {
    const problems = result.error.issues.flatMap((issue) => explain(issue, data));
    throw new RebekError('ERR_MACHINE_FIELD', problems.map((line) => `${source}: ${line}`).join('\n'), {
      hint: 'The fields of a machine file are described in the README.',
      details: { file: source, problems },
    });
  }
  const { boot, ...rest } = result.data;
  return { ...rest, source, boot: resolveBoot(boot, (name) => resolve(folder, name), defaults) };
}

function readData(text: string, file: string): unknown {
  const wrong = (cause: unknown): RebekError => {
    const message = cause instanceof Error ? cause.message.trim() : String(cause);
    const format = file.endsWith('.json') ? 'JSON' : 'YAML (or JSON)';
    return new RebekError('ERR_MACHINE_SYNTAX', `${file}: not valid ${format}: ${message}`, {
      details: { file },
      cause,
    });
  };
  try {
    if (file.endsWith('.json')) return JSON.parse(text);
    const document = parseDocument(text);
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw wrong(cause);
  }
}

function resolveBoot(
  boot: Parsed['boot'],
  absolute: (path: string) => string,
  defaults: Defaults,
): Machine['boot'] {
  if (boot.kind === 'linux') {
    const initrd = boot.initrd === undefined ? {} : { initrd: absolute(boot.initrd) };
    return { ...boot, kernel: absolute(boot.kernel), ...initrd };
  }
  if (boot.kind === 'multiboot') {
    const initrd = boot.initrd === undefined ? {} : { initrd: absolute(boot.initrd) };
    return { ...boot, image: absolute(boot.image), ...initrd };
  }
  const drives: { -readonly [K in 'cdrom' | 'disk' | 'disk2' | 'floppy']?: string } = {};
  for (const name of ['cdrom', 'disk', 'disk2', 'floppy'] as const) {
    const given = boot[name];
    if (given !== undefined) drives[name] = absolute(given);
  }
  const given = (['floppy', 'disk', 'cdrom'] as const).filter((name) => drives[name] !== undefined);
  return {
    ...boot,
    ...drives,
    bios: boot.bios === undefined ? defaults.bios : absolute(boot.bios),
    vgaBios: boot.vgaBios === undefined ? defaults.vgaBios : absolute(boot.vgaBios),
    order: boot.order ?? (given.length > 0 ? given : ['cdrom']),
  };
}

/** One line a wrong field: `boot.kind: expected linux, multiboot or bios, found "efi"`. */
function explain(issue: z.core.$ZodIssue, data: unknown): string[] {
  const at = (keys: readonly PropertyKey[]): string => (keys.length === 0 ? 'the file' : fieldPath(keys));
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(issue.path, data);
    return issue.keys.map(
      (key) =>
        `${fieldPath([...issue.path, key])}: expected one of the fields ${known.join(', ')}, found another name`,
    );
  }
  return [`${at(issue.path)}: expected ${issue.message}, found ${describe(valueAt(data, issue.path))}`];
}

function fieldPath(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    data,
  );
}

/** The known fields of the mapping at a path. */
function fieldsAt(keys: readonly PropertyKey[], data: unknown): string[] {
  if (keys[0] === 'nic') return Object.keys(nic.shape);
  if (keys[0] !== 'boot') return Object.keys(schema.shape);
  const kind = valueAt(data, ['boot', 'kind']);
  const kinds = { linux: linuxBoot, multiboot: multibootBoot, bios: biosBoot };
  return Object.keys(kinds[kind as keyof typeof kinds].shape);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
