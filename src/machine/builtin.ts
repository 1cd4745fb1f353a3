/** What `rebek guest build` can make, and which of it are guests that can be named instead of a machine file. */
import { type BuildOptions, builtManifest, type Manifest } from './build.ts';
import { biosRecipe, buildBios } from './debian/bios.ts';
import { buildDebian, debianMachine, debianRecipe } from './debian/debian.ts';
import type { Machine } from './schema.ts';

export interface Builtin {
  readonly name: string;
  /** One line. */
  readonly description: string;
  /** Makes it in the cache, replacing an earlier build. */
  readonly build: (options?: BuildOptions) => Promise<Manifest>;
  /** How to boot it; absent where it is only a part of machines. */
  readonly machine?: () => Machine;
  /** Its manifest where it is in the cache, whole and of this release's recipe; reads and hashes its files. */
  readonly built: () => Promise<Manifest | undefined>;
}

export const builtins: readonly Builtin[] = [
  {
    name: 'debian',
    description: 'a Debian 12 honeypot: serial console, telnet, SSH and HTTP',
    build: buildDebian,
    machine: debianMachine,
    built: () => builtManifest('debian', debianRecipe),
  },
  {
    name: 'bios',
    description: 'SeaBIOS, for machine files that boot a disk, CD or floppy',
    build: buildBios,
    built: () => builtManifest('bios', biosRecipe),
  },
];

export const findBuiltin = (name: string): Builtin | undefined =>
  builtins.find((builtin) => builtin.name === name);
