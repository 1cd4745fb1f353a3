/** What a trace says of the machine that was recorded: all that matters, nothing of the recording host's paths. */
import { basename } from 'node:path';
import { type Images, provenance } from '../machine/images.ts';
import type { Machine } from '../machine/schema.ts';
import type { TraceMeta } from '../trace/meta.ts';

/** The fields of a machine's `boot` that name files. */
const PATHS = new Set(['kernel', 'initrd', 'image', 'bios', 'vgaBios', 'cdrom', 'disk', 'disk2', 'floppy']);

export function machineForTrace(machine: Machine, images: Images): Pick<TraceMeta, 'machine' | 'images'> {
  const boot = Object.entries(machine.boot).map(([key, value]) =>
    PATHS.has(key) && typeof value === 'string' ? [key, basename(value)] : [key, value],
  );
  const described = { ...machine, source: basename(machine.source), boot: Object.fromEntries(boot) };
  return {
    machine: JSON.parse(JSON.stringify(described)) as Record<string, unknown>,
    images: provenance(images).map(({ role, path, size, sha256 }) => ({
      role,
      name: basename(path),
      bytes: size,
      sha256,
    })),
  };
}
