/** The build target `bios`: SeaBIOS and its VGA BIOS, from Debian's package `seabios`, for guests that need one. */
import { basename } from 'node:path';
import { RebekError } from '../../base/errors.ts';
import { type BuildOptions, buildInto, type Manifest } from '../build.ts';
import { biosPaths } from '../cache.ts';
import { Apt } from './apt.ts';
import { readDeb } from './deb.ts';
import { debianSources } from './sources.ts';

export const biosRecipe = 1;

/** @throws RebekError as `buildDebian` */
export function buildBios(options: BuildOptions = {}): Promise<Manifest> {
  return buildInto('bios', biosRecipe, options, async (scratch) => {
    const { signal, onProgress, suite = 'bookworm' } = options;
    const sources = await debianSources(suite, options.mirror);
    onProgress?.({ stage: 'index', done: 0, total: 0, text: `reading the package index of Debian ${suite}` });
    const apt = await Apt.open(scratch, 'i386', sources, signal);
    const packages = await apt.find(['seabios']);
    const paths = await apt.download(packages, (percent) =>
      onProgress?.({ stage: 'download', done: percent, total: 100, text: 'downloading seabios' }),
    );
    onProgress?.({ stage: 'unpack', done: 0, total: 1, text: 'unpacking seabios' });
    const wanted = Object.values(biosPaths()).map((path) => basename(path));
    const found = await readDeb(
      paths.get('seabios') ?? '',
      (path) => wanted.some((name) => path === `usr/share/seabios/${name}`),
      signal,
    );
    const files: Record<string, Uint8Array> = {};
    for (const file of found) if (file.kind === 'file') files[basename(file.path)] = file.data;
    const missing = wanted.filter((name) => files[name] === undefined);
    if (missing.length > 0)
      throw new RebekError('ERR_MACHINE_PACKAGE', `the package seabios has no ${missing.join(', no ')}`);
    const records = packages.map(({ name, version, architecture, sha256 }) => ({
      name,
      version,
      architecture,
      sha256,
    }));
    return { suite, packages: records, files, warnings: apt.warnings };
  });
}
