/** How this program was called, for messages that say what to type next. */
import { basename, relative } from 'node:path';

/** `rebek` where it is installed; in a checkout the path of what runs. */
export function self(): string {
  const path = process.argv[1] ?? 'rebek';
  const called = basename(path);
  if (!/\.[cm]?[jt]s$/.test(path)) return process.env['npm_command'] === 'exec' ? `npx ${called}` : called;
  const near = relative(process.cwd(), path);
  return `node ${near.startsWith('..') ? path : near}`;
}

/** A path as one types it in a shell. */
export const quote = (path: string): string =>
  /^[\w./+@%:,=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
