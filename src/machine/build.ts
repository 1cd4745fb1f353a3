/**
 * Building a guest into the cache: in a folder of its own that is renamed into place at the end, with a manifest
 * of what is in it. A guest is there whole or not at all.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RebekError } from '../base/errors.ts';
import { guestFolder } from './cache.ts';
import { abortError } from './process.ts';

export interface BuildProgress {
  readonly stage: 'index' | 'download' | 'unpack' | 'pack' | 'done';
  /** Out of `total`, in the stage's own unit (percent, packages); both 0 where nothing can be counted. */
  readonly done: number;
  readonly total: number;
  /** For a person. */
  readonly text: string;
}
export interface BuildOptions {
  /** Address of a Debian mirror, in place of the host's own package sources. */
  readonly mirror?: string | undefined;
  /** Debian suite; `bookworm` unless given. */
  readonly suite?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}

/** A package that went into a build. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the package file, as apt's signed index has it and as it was downloaded. */
  readonly sha256: string;
}
interface FileRecord {
  readonly size: number;
  readonly sha256: string;
}
/** `manifest.json` of a built guest. */
export interface Manifest {
  readonly name: string;
  /** Raised when the same packages would give another result. */
  readonly recipe: number;
  readonly suite: string;
  readonly packages: readonly PackageRecord[];
  readonly files: Readonly<Record<string, FileRecord>>;
  readonly warnings: readonly string[];
}

/** What a builder makes: the files by name, and where they came from. */
export interface Built {
  readonly suite: string;
  readonly packages: readonly PackageRecord[];
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly warnings: readonly string[];
}

/** A scratch folder this old is left over, even if some process has its builder's id by now. */
const abandonedAfterMs = 24 * 3600 * 1000;

/**
 * Runs `make` with an empty scratch folder and puts what it makes into the cache, replacing an earlier build.
 * @returns the manifest
 * @throws RebekError ERR_MACHINE_CACHE where the cache folder cannot be written; what `make` throws
 */
export async function buildInto(
  name: string,
  recipe: number,
  options: BuildOptions,
  make: (scratch: string) => Promise<Built>,
): Promise<Manifest> {
  const target = guestFolder(name);
  const guests = dirname(target);
  const temporary = join(guests, `.${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await makeFolder(guests);
    await sweep(guests);
    await makeFolder(join(temporary, 'out'));
    await makeFolder(join(temporary, 'scratch'));
    const built = await make(join(temporary, 'scratch'));
    const manifest = await writeOut(join(temporary, 'out'), name, recipe, built);
    if (options.signal?.aborted) throw abortError();
    await publish(join(temporary, 'out'), target, temporary);
    options.onProgress?.({ stage: 'done', done: 1, total: 1, text: `${name} is in ${target}` });
    return manifest;
  } catch (error) {
    throw asCacheError(error, guests);
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
  }
}

/** Renames `from` to `target`. An older build is moved aside first: a folder is renamed only onto nothing. */
async function publish(from: string, target: string, aside: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    await rename(target, join(aside, `old${attempt}`)).catch(ignoreMissing);
    try {
      return await rename(from, target);
    } catch (error) {
      // Another build of the same guest was faster: replace it in turn.
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (!['ENOTEMPTY', 'EEXIST'].includes(code) || attempt === 9) throw error;
    }
  }
}

/** The manifest of a built guest, or undefined where it is absent, damaged or of another recipe. Reads every file. */
export async function builtManifest(name: string, recipe: number): Promise<Manifest | undefined> {
  const folder = guestFolder(name);
  try {
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
    if (manifest.recipe !== recipe) return undefined;
    for (const [file, { sha256 }] of Object.entries(manifest.files)) {
      if (hash(await readFile(join(folder, file))) !== sha256) return undefined;
    }
    return manifest;
  } catch {
    return undefined;
  }
}

async function writeOut(folder: string, name: string, recipe: number, built: Built): Promise<Manifest> {
  const files: Record<string, FileRecord> = {};
  for (const [file, bytes] of Object.entries(built.files)) {
    await writeFile(join(folder, file), bytes);
    files[file] = { size: bytes.length, sha256: hash(bytes) };
  }
  const { suite, packages, warnings } = built;
  const manifest: Manifest = { name, recipe, suite, packages, files, warnings };
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Removes what builds left behind that were killed: their process is gone, or they are a day old. */
async function sweep(guests: string): Promise<void> {
  for (const entry of await readdir(guests)) {
    const pid = /^\.[a-z]+-(\d+)-[0-9a-f]+$/.exec(entry)?.[1];
    if (pid === undefined) continue;
    const folder = join(guests, entry);
    const age = await stat(folder).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    if (!isAlive(Number(pid)) || age > abandonedAfterMs) await rm(folder, { recursive: true, force: true });
  }
}

/** Makes a folder and those above it. Node's own `recursive` does not return where a parent cannot be made (/proc). */
async function makeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || found !== undefined) throw error;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function asCacheError(error: unknown, folder: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST', 'ENOENT', 'EDQUOT'].includes(code))
    return error;
  return new RebekError('ERR_MACHINE_CACHE', `cannot write to the cache: ${(error as Error).message}`, {
    hint: `Make room in ${folder} or make it writable, or set REBEK_CACHE to another folder.`,
    details: { folder },
    cause: error,
  });
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
