/** The guests that can be named instead of a machine file, and what `rebek guest build` can make. */
import { type BuildOptions, builtManifest, type Manifest } from './build.ts';
import { biosRecipe, buildBios } from './debian/bios.ts';
import { buildDebian, debianMachine, debianRecipe } from './debian/debian.ts';
import { ntletMachine } from './ntlet/ntlet.ts';
import type { Machine } from './schema.ts';

export interface Builtin {
  readonly name: string;
  /** One line. */
  readonly description: string;
  /** How to boot it; absent where it is only a part of machines. */
  readonly machine?: () => Machine;
  /** How it comes into the cache; absent where it comes with the package. */
  readonly builder?: Builder;
}

export interface Builder {
  /** Makes it in the cache, replacing an earlier build. */
  readonly build: (options?: BuildOptions) => Promise<Manifest>;
  /** Its manifest where it is in the cache, whole and of this release's recipe; reads and hashes its files. */
  readonly built: () => Promise<Manifest | undefined>;
}

/** The guest where none is named. */
export const DEFAULT_GUEST = 'ntlet';

export const builtins: readonly Builtin[] = [
  {
    name: DEFAULT_GUEST,
    description:
      'a small NT-like system made for tracing: two consoles, knows the truth about its system calls',
    machine: ntletMachine,
  },
  {
    name: 'debian',
    description: 'a Debian 12 honeypot: serial console, telnet, SSH and HTTP',
    machine: debianMachine,
    builder: { build: buildDebian, built: () => builtManifest('debian', debianRecipe) },
  },
  {
    name: 'bios',
    description: 'SeaBIOS, for machine files that boot a disk, CD or floppy',
    builder: { build: buildBios, built: () => builtManifest('bios', biosRecipe) },
  },
];

export const findBuiltin = (name: string): Builtin | undefined =>
  builtins.find((builtin) => builtin.name === name);
