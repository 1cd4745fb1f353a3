/** The emulator's CPU half as it is installed: the bytes that are run, recorded and replayed. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RebekError } from '../base/errors.ts';

export interface EngineBinary {
  readonly name: 'v86';
  /** npm version of the package. */
  readonly version: string;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly path: string;
}

/**
 * Reads the installed engine.
 * @throws RebekError ERR_ENGINE_MISSING if the package is not there or unreadable.
 */
export function readEngineBinary(): EngineBinary {
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve('v86')));
    const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string })
      .version;
    const path = join(root, 'build', 'v86.wasm');
    const bytes = readFileSync(path);
    return {
      name: 'v86',
      version: version.replace(/\+.*/, ''),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes,
      path,
    };
  } catch (cause) {
    throw new RebekError(
      'ERR_ENGINE_MISSING',
      `the emulator (npm package v86) cannot be read: ${(cause as Error).message}`,
      {
        hint: 'run `npm ci` in the folder that Rebek is installed in',
        cause,
      },
    );
  }
}
