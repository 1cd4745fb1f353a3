/**
 * The files that a machine is made of, read whole, measured, and refused where they obviously cannot work: the
 * emulator itself would go wrong without a word.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { relative } from 'node:path';
import { RebekError } from '../base/errors.ts';
import { findBuiltin } from './builtin.ts';
import { cacheFolder } from './cache.ts';
import { checkImage, type ImageProvenance, type ImageRole, type LoadedImage } from './image-checks.ts';
import type { Machine } from './schema.ts';

export type { ImageProvenance, ImageRole, LoadedImage } from './image-checks.ts';

export type Images = { readonly [Role in ImageRole]?: LoadedImage };

/**
 * Reads every image of a machine.
 * @throws RebekError ERR_MACHINE_IMAGE_MISSING, ERR_MACHINE_IMAGE_READ, ERR_MACHINE_IMAGE_WRONG (not what its
 *   role needs), ERR_MACHINE_MEMORY (more than the machine's memory holds)
 */
export async function loadImages(machine: Machine): Promise<Images> {
  const images: { -readonly [Role in ImageRole]?: LoadedImage } = {};
  for (const [role, path] of imagePaths(machine)) {
    const image = await loadImage(role, path, machine);
    checkImage(image, machine);
    images[role] = image;
  }
  return images;
}

/** What a trace keeps of the images. */
export function provenance(images: Images): ImageProvenance[] {
  return Object.values(images).map(({ role, path, size, sha256 }) => ({ role, path, size, sha256 }));
}

function imagePaths({ boot }: Machine): [ImageRole, string][] {
  const all: [ImageRole, string | undefined][] =
    boot.kind === 'linux'
      ? [
          ['kernel', boot.kernel],
          ['initrd', boot.initrd],
        ]
      : boot.kind === 'multiboot'
        ? [
            ['multiboot', boot.image],
            ['initrd', boot.initrd],
          ]
        : (['bios', 'vgaBios', 'cdrom', 'disk', 'disk2', 'floppy'] as const).map((role) => [
            role,
            boot[role],
          ]);
  return all.filter((entry): entry is [ImageRole, string] => entry[1] !== undefined);
}

async function loadImage(role: ImageRole, path: string, machine: Machine): Promise<LoadedImage> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const data = await readAll(file);
    const sha256 = createHash('sha256').update(new Uint8Array(data)).digest('hex');
    return { role, path, size: data.byteLength, sha256, data };
  } catch (cause) {
    throw readError(role, path, machine, cause);
  } finally {
    await file?.close();
  }
}

/** Into a buffer of exactly the file's size, which the emulator can take over as it is. */
async function readAll(file: FileHandle): Promise<ArrayBuffer> {
  const found = await file.stat();
  if (!found.isFile()) throw new Error('it is not a regular file');
  const data = new ArrayBuffer(found.size);
  const bytes = new Uint8Array(data);
  const piece = 1 << 26;
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, offset, Math.min(piece, bytes.length - offset), offset);
    if (bytesRead === 0) throw new Error('it became shorter while it was read');
    offset += bytesRead;
  }
  return data;
}

function readError(role: ImageRole, path: string, machine: Machine, cause: unknown): RebekError {
  const what = `${machine.name}: ${role} ${path}`;
  const details = { machine: machine.source, role, path };
  const fromCache = builtName(path);
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
    const hint = shipped(machine)
      ? 'This installation of Rebek is damaged: the file belongs to it. Install Rebek again.'
      : fromCache === undefined
        ? `Correct the path in ${machine.source}; paths there are relative to that file.`
        : `Run: rebek guest build ${fromCache}`;
    const message =
      fromCache === undefined
        ? `${what}: no such file`
        : `${fromCache} has not been built: there is no ${path}`;
    return new RebekError('ERR_MACHINE_IMAGE_MISSING', message, { hint, details, cause });
  }
  // ArrayBuffer's limit, or the memory's: v86 keeps a disk in memory.
  const reason =
    cause instanceof RangeError
      ? 'too large to be held in memory'
      : cause instanceof Error
        ? cause.message
        : cause;
  return new RebekError('ERR_MACHINE_IMAGE_READ', `${what}: ${reason}`, { details, cause });
}

/** Whether a machine is a built-in guest whose files come with the package. */
function shipped({ source }: Machine): boolean {
  const builtin = findBuiltin(source);
  return builtin !== undefined && builtin.builder === undefined;
}

/** The build target that a path in the cache belongs to. */
function builtName(path: string): string | undefined {
  const [guests, name] = relative(cacheFolder(), path).split(/[/\\]/);
  return guests === 'guests' ? name : undefined;
}
