/** The user's cache folder, where built guests are kept. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `REBEK_CACHE`, or `rebek` in XDG_CACHE_HOME, or `~/.cache/rebek` (XDG Base Directory Specification). */
export function cacheFolder(): string {
  const own = process.env['REBEK_CACHE'];
  if (own) return resolve(own);
  const xdg = process.env['XDG_CACHE_HOME'];
  // The specification says to ignore a relative path.
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'rebek');
}

/** The folder of a built guest, present or not. */
export const guestFolder = (name: string): string => join(cacheFolder(), 'guests', name);

/** The cached SeaBIOS that a machine file with a BIOS uses unless it names its own. */
export function biosPaths(): { bios: string; vgaBios: string } {
  const folder = guestFolder('bios');
  return { bios: join(folder, 'bios.bin'), vgaBios: join(folder, 'vgabios-stdvga.bin') };
}
