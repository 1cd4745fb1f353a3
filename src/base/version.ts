/** The package's own version. */
import { createRequire } from 'node:module';

/** From package.json, which lies beside `dist/` (built) or `src/` (as source). */
export function readPackageVersion(): string {
  const require = createRequire(import.meta.url);
  for (const path of ['../../../package.json', '../../package.json']) {
    try {
      const found = require(path) as { name?: string; version: string };
      if (found.name === 'rebek') return found.version;
    } catch {
      // The other place, then.
    }
  }
  return 'unknown';
}
