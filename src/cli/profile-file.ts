/** Loads what `--profile` names. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { RebekError } from '../base/errors.ts';
import { type GuestProfile, guestProfile } from '../guest/profile.ts';

/**
 * @param path a JSON file in Volatility 3's format, plain or compressed with gzip
 * @throws RebekError ERR_GUEST_PROFILE
 */
export function loadProfile(path: string): GuestProfile {
  const fail = (what: string, hint?: string, cause?: unknown): never => {
    throw new RebekError('ERR_GUEST_PROFILE', `${path}: ${what}`, { ...(hint && { hint }), cause });
  };
  let json: unknown;
  try {
    const bytes = readFileSync(path);
    if (bytes.subarray(0, 6).toString('latin1') === '\xfd7zXZ\0')
      fail('it is compressed with xz', `unpack it first: xz -d ${path}`);
    const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
    json = JSON.parse(text.toString('utf8'));
  } catch (error) {
    if (error instanceof RebekError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') fail('there is no such file', undefined, error);
    fail(error instanceof SyntaxError ? `it is no JSON: ${message}` : message, undefined, error);
  }
  try {
    return guestProfile(json);
  } catch (error) {
    if (!(error instanceof RebekError)) throw error;
    throw new RebekError('ERR_GUEST_PROFILE', `${path}: ${error.message}`, {
      ...(error.hint && { hint: error.hint }),
      details: error.details,
      cause: error,
    });
  }
}
